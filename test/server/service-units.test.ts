import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { BackupAwarenessError } from "../../src/contract/errors.ts";
import { installService, uninstallService } from "../../src/server/install-service.ts";
import { cronLines, type ServicePlan, systemdUnits } from "../../src/server/service-units.ts";

const plan: ServicePlan = {
  binDirectory: "/opt/backup awareness/100%/bin",
  home: "/var/lib/backup-awareness",
  configFile: "/etc/backup-awareness/config.toml",
  path: "/usr/local/bin:/usr/bin:/bin",
  manager: "system",
};

const textOf = (name: string, of: ServicePlan = plan): string =>
  systemdUnits(of).find((unit) => unit.name === name)?.text ?? "";

describe("the units", () => {
  test("the daemon is watched, always restarted, and stopped in order; blanks and % in paths stay what they are", () => {
    const unit = textOf("backup-awareness.service");
    for (const line of [
      "Type=notify",
      "NotifyAccess=all",
      "Restart=always",
      "WatchdogSec=60",
      "KillMode=mixed",
      'ExecStart="/opt/backup awareness/100%%/bin/backup-awareness" start',
      'Environment="BACKUP_AWARENESS_HOME=/var/lib/backup-awareness"',
      'Environment="BACKUP_AWARENESS_CONFIG=/etc/backup-awareness/config.toml"',
      "WantedBy=multi-user.target",
    ]) {
      assert.ok(unit.split("\n").includes(line), line);
    }
  });

  test("the nightly backup is made up by a machine that was off", () => {
    assert.match(textOf("engine-backup.timer"), /^Persistent=true$/m);
    assert.match(textOf("engine-backup.timer"), /^RandomizedDelaySec=30min$/m);
    assert.match(textOf("engine-backup.service"), /^ExecStart=".*\/engine-backup" --mode=backup$/m);
  });

  test("what lies below /home or /root can be reached", () => {
    assert.match(textOf("backup-awareness.service"), /^ProtectHome=/m);
    assert.doesNotMatch(textOf("backup-awareness.service", { ...plan, home: "/root/state" }), /^ProtectHome=/m);
  });

  test("a user's own service asks for nothing that only root may have", () => {
    const unit = textOf("backup-awareness.service", { ...plan, manager: "user" });
    assert.doesNotMatch(unit, /^(Protect|Private)/m);
    assert.match(unit, /^WantedBy=default\.target$/m);
  });

  test("a path that no unit can hold is refused", () => {
    assert.throws(() => systemdUnits({ ...plan, home: "/var/lib/a\nExecStart=evil" }), BackupAwarenessError);
  });

  const analyze = spawnSync("systemd-analyze", ["--version"]).status === 0;
  for (const manager of ["system", "user"] as const) {
    test(
      `systemd finds nothing wrong with the ${manager}'s units`,
      { skip: analyze ? false : "no systemd-analyze" },
      async () => {
        const directory = await mkdtemp(join(tmpdir(), "units "));
        try {
          // It looks whether the programs are there, too. Quotes and dollars, however: systemd has no way to write such a program's path.
          const binDirectory = join(directory, "100% bin");
          await mkdir(binDirectory);
          const units = systemdUnits({ ...plan, manager, binDirectory, home: join(directory, 'h"o\\me $x') });
          for (const program of ["backup-awareness", "engine-backup"]) {
            await writeFile(join(binDirectory, program), "#!/bin/sh\n");
            await chmod(join(binDirectory, program), 0o755);
          }
          for (const { name, text } of units) await writeFile(join(directory, name), text);
          const { stderr } = spawnSync(
            "systemd-analyze",
            ["verify", `--${manager}`, "--man=no", ...units.map(({ name }) => join(directory, name))],
            {
              encoding: "utf8",
              env: { ...process.env, XDG_RUNTIME_DIR: directory },
            },
          );
          // What it says of the machine's own units is not ours.
          const complaints = stderr.split("\n").filter((line) => units.some(({ name }) => line.includes(name)));
          assert.deepEqual(complaints, []);
        } finally {
          await rm(directory, { recursive: true });
        }
      },
    );
  }
});

describe("the crontab's lines", () => {
  test("run the daemon at every boot and a backup every night", () => {
    const [boot = "", night = ""] = cronLines(plan);
    assert.match(boot, /^@reboot .* start >>\/var\/lib\/backup-awareness\/log\/daemon\.log 2>&1$/);
    assert.match(night, /^30 1 \* \* \* .* --mode=backup >\/dev\/null$/);
  });

  test("cron and the shell hand every path on as it is", () => {
    const binDirectory = `/opt/it's 100% "$HOME"/bin`;
    const [, night = ""] = cronLines({ ...plan, binDirectory });
    // As cron does it: the command begins after five words, and \% is %.
    const command = night.split(" ").slice(5).join(" ").replaceAll("\\%", "%");
    const program = command.slice(command.indexOf("config.toml ") + "config.toml ".length);
    const { stdout } = spawnSync("sh", ["-c", `printf %s ${program.replace(" --mode=backup >/dev/null", "")}`], {
      encoding: "utf8",
    });
    assert.equal(stdout, `${binDirectory}/engine-backup`);
  });
});

describe("installing", () => {
  async function withService(
    mainPid: string,
    work: (service: {
      readonly directory: string;
      readonly called: string[];
      readonly systemctl: (...words: readonly string[]) => Promise<string>;
    }) => Promise<void>,
  ): Promise<void> {
    const directory = await mkdtemp(join(tmpdir(), "service-"));
    const called: string[] = [];
    const systemctl = async (...words: readonly string[]): Promise<string> => {
      called.push(words.join(" "));
      return words[0] === "show" ? `${mainPid}\n` : "";
    };
    try {
      await work({ directory: join(directory, "units"), called, systemctl });
    } finally {
      await rm(directory, { recursive: true });
    }
  }

  test("writes, enables and starts; uninstalling leaves nothing behind", async () => {
    await withService("0", async ({ directory, called, systemctl }) => {
      assert.deepEqual(await installService(systemdUnits(plan), null, { directory, systemctl }), { started: true });
      assert.deepEqual((await readdir(directory)).toSorted(), [
        "backup-awareness.service",
        "engine-backup.service",
        "engine-backup.timer",
      ]);
      assert.equal(
        await readFile(join(directory, "backup-awareness.service"), "utf8"),
        textOf("backup-awareness.service"),
      );
      assert.deepEqual(called, [
        "daemon-reload",
        "enable backup-awareness.service engine-backup.timer",
        "start engine-backup.timer",
        "restart backup-awareness.service",
      ]);
      await uninstallService({ directory, systemctl });
      assert.deepEqual(await readdir(directory), []);
    });
  });

  test("a daemon that somebody started by hand is left alone; the service's own is started anew", async () => {
    await withService("42", async ({ directory, called, systemctl }) => {
      assert.deepEqual(await installService(systemdUnits(plan), 41, { directory, systemctl }), { started: false });
      assert.ok(!called.includes("restart backup-awareness.service"));
      assert.deepEqual(await installService(systemdUnits(plan), 42, { directory, systemctl }), { started: true });
    });
  });
});
