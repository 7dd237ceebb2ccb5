import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { findMonitoringProgram } from "../support/monitoring-programs.ts";

/* What we give to monitoring systems is taken by their own programs, as far as they can be had without a server. */

const contrib = join(import.meta.dirname, "../../contrib");
let directory: string;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "monitoring-"));
});
after(() => rm(directory, { recursive: true, force: true }));

const nagios = findMonitoringProgram("nagios4");
test(
  "Nagios takes contrib/nagios, with a service of it",
  { skip: nagios === null ? "no nagios4" : false },
  async () => {
    const { username } = userInfo();
    const group = spawnSync("id", ["-gn"], { encoding: "utf8" }).stdout.trim();
    const site = `
define timeperiod {
  timeperiod_name 24x7
  alias always
  monday 00:00-24:00
}
define command {
  command_name nothing
  command_line /bin/true
}
define contact {
  contact_name admin
  host_notification_period 24x7
  service_notification_period 24x7
  host_notification_options d
  service_notification_options w,u,c,r
  host_notification_commands nothing
  service_notification_commands nothing
}
define host {
  host_name db1.example.com
  address 127.0.0.1
  check_command nothing
  max_check_attempts 1
  contacts admin
}
define service {
  use backup-awareness
  host_name db1.example.com
  service_description Backup
  contacts admin
}
define service {
  use backup-awareness
  host_name db1.example.com
  service_description All backups
  check_command check_backup_awareness_fleet
  contacts admin
}
`;
    await writeFile(join(directory, "site.cfg"), site);
    const settings = {
      cfg_file: [join(contrib, "nagios/backup-awareness.cfg"), join(directory, "site.cfg")],
      log_file: [join(directory, "nagios.log")],
      object_cache_file: [join(directory, "objects.cache")],
      status_file: [join(directory, "status.dat")],
      check_result_path: [directory],
      temp_path: [directory],
      lock_file: [join(directory, "nagios.lock")],
      illegal_macro_output_chars: ["`~$&|'\"<>"],
      nagios_user: [username],
      nagios_group: [group],
    };
    const lines = Object.entries(settings).flatMap(([name, values]) => values.map((value) => `${name}=${value}`));
    await writeFile(join(directory, "nagios.cfg"), `${lines.join("\n")}\n`);
    const { stdout, status } = spawnSync(nagios!.file, ["-v", join(directory, "nagios.cfg")], {
      encoding: "utf8",
      env: { ...process.env, ...nagios!.env },
    });
    assert.equal(status, 0, stdout);
    assert.match(stdout, /Checked 2 services/);
    assert.match(stdout, /Total Warnings: 0\nTotal Errors: {3}0/);
  },
);

const icinga = findMonitoringProgram("icinga2");
// Debian's icinga2 is a script around it, which reads the places of an installed one.
const icingaBinary = icinga === null ? undefined : globSync(join(icinga.root, "usr/lib/*/icinga2/sbin/icinga2"))[0];
test(
  "Icinga takes contrib/icinga2, and applies its service to a host that names an engine",
  { skip: icingaBinary === undefined ? "no icinga2" : false },
  async () => {
    const { username } = userInfo();
    const group = spawnSync("id", ["-gn"], { encoding: "utf8" }).stdout.trim();
    const site = `
include <itl>
object Host "db1" {
  check_command = "dummy"
  address = "127.0.0.1"
  vars.backup_awareness_engine = "db1.example.com"
}
object Host "other" {
  check_command = "dummy"
  address = "127.0.0.1"
}
include ${JSON.stringify(join(contrib, "icinga2/backup-awareness.conf"))}
`;
    await writeFile(join(directory, "icinga2.conf"), site);
    const places = ["DataDir", "CacheDir", "LogDir", "InitRunDir", "SpoolDir"];
    for (const place of places) await mkdir(join(directory, place));
    const { stdout, stderr, status } = spawnSync(
      icingaBinary!,
      [
        "daemon",
        "--validate",
        "--config",
        join(directory, "icinga2.conf"),
        "--include",
        join(icinga!.root, "usr/share/icinga2/include"),
        `-DRunAsUser=${username}`,
        `-DRunAsGroup=${group}`,
        `-DConfigDir=${directory}`,
        ...places.map((place) => `-D${place}=${join(directory, place)}`),
      ],
      { encoding: "utf8", env: { ...process.env, ...icinga!.env } },
    );
    assert.equal(status, 0, stdout + stderr);
    assert.match(stdout, /Instantiated 1 Service\./);
    assert.doesNotMatch(stdout, /critical|warning/);
  },
);

type ZabbixItem = {
  readonly uuid: string;
  readonly key: string;
  readonly type?: string;
  readonly master_item?: { readonly key: string };
  readonly preprocessing?: readonly { readonly type: string; readonly parameters: readonly string[] }[];
  readonly triggers?: readonly { readonly uuid: string; readonly expression: string }[];
};

describe("the Zabbix template", () => {
  let template: { readonly template: string; readonly items: readonly ZabbixItem[] };
  let text: string;
  before(async () => {
    text = await readFile(join(contrib, "zabbix/template.json"), "utf8");
    const parsed = JSON.parse(text) as { zabbix_export: { templates: (typeof template)[] } };
    template = parsed.zabbix_export.templates[0]!;
  });

  test("has an identifier of its own for every part: random UUIDs without hyphens, as Zabbix demands them", () => {
    const found = [...text.matchAll(/"uuid": "([^"]*)"/g)].map(([, uuid]) => uuid!);
    assert.equal(new Set(found).size, found.length);
    for (const uuid of found) assert.match(uuid, /^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/);
  });

  test("its triggers and dependent items are about the item that the agent's parameter answers", async () => {
    const [master, ...dependent] = template.items;
    const parameter = await readFile(join(contrib, "zabbix/backup-awareness.conf"), "utf8");
    assert.match(parameter, /^UserParameter=backup_awareness\.check\[\*\],/m);
    assert.match(master!.key, /^backup_awareness\.check\[/);
    for (const { expression } of master!.triggers!)
      assert.ok(expression.includes(`(/${template.template}/${master!.key},`), expression);
    for (const item of dependent) {
      assert.equal(item.type, "DEPENDENT");
      assert.equal(item.master_item!.key, master!.key);
    }
  });

  test("its expressions find in the plugin's output what they are to find", () => {
    const output =
      "BACKUP OK - db1: full backup 3 hours ago | full_backup_age=10800s;;86400;0 db_age=10800s;;;0 db_duration=1.500s;;;0 db_size=2048B;;;0 files_duration=2.000s;;;0 files_size=10B;;;0 check_age=5s;;43200;0\n";
    const found = Object.fromEntries(
      template.items.flatMap(({ key, preprocessing }) =>
        (preprocessing ?? []).map(({ parameters }) => [key, new RegExp(parameters[0]!).exec(output)?.[1]]),
      ),
    );
    assert.deepEqual(found, {
      "backup_awareness.full_backup_age": "10800",
      "backup_awareness.db_duration": "1.500",
      "backup_awareness.db_size": "2048",
      "backup_awareness.files_duration": "2.000",
      "backup_awareness.files_size": "10",
      "backup_awareness.check_age": "5",
    });
    const patterns = template.items[0]!.triggers!.flatMap(
      ({ expression }) => /"regexp","([^"]*)"/.exec(expression)?.[1] ?? [],
    );
    assert.equal(patterns.length, 3);
    const [critical, warning, known] = patterns.map((pattern) => new RegExp(pattern));
    assert.ok(critical!.test("BACKUP CRITICAL - x") && warning!.test("BACKUP WARNING - x"));
    assert.ok(known!.test(output) && !known!.test("BACKUP UNKNOWN - x") && !known!.test(""));
  });
});
