import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { readEvents } from "../../src/database/events.ts";
import { createToken } from "../../src/database/tokens.ts";
import { missingTool } from "../support/real-tool.ts";
import { type ApiFixture, startApi } from "./api/api-fixture.ts";

let api: ApiFixture;
let secret: string;
let address: string;
let scopes = 0;
const engine = "web1.example.com";

before(async () => {
  api = await startApi();
  secret = (await createToken(api.pool, { name: "pings", kind: "report", engine, expiresAt: null }, "test")).secret;
  address = await api.server.listen({ host: "127.0.0.1", port: 0 });
});

after(async () => {
  await api.close();
});

const newScope = (): string => `scope${++scopes}`;

async function ping(path: string, init: RequestInit = {}, token = secret): Promise<{ code: number; text: string }> {
  const response = await fetch(`${address}/ping/${token}/${path}`, init);
  return { code: response.status, text: await response.text() };
}

async function runs(scope: string, fqdn = engine) {
  const { rows } = await api.pool.query<{ outcome: string; run_id: string | null; message: string | null }>(
    `select b.outcome, b.run_id, l.output_message as message
     from backup_awareness.backup b
     left join backup_awareness.engine_backup_log l on l.fqdn = b.fqdn and l.scope = b.scope and l.done_at = b.done_at
     where b.fqdn = $1 and b.scope = $2 order by b.id`,
    [fqdn, scope],
  );
  return rows;
}

describe("a ping", () => {
  test("by GET, HEAD or POST is a completed backup of the token's engine", async () => {
    for (const method of ["GET", "HEAD", "POST"]) {
      const scope = newScope();
      const { code, text } = await ping(scope, { method });
      assert.deepEqual([code, text], [200, method === "HEAD" ? "" : "OK"]);
      assert.deepEqual(
        (await runs(scope)).map(({ outcome }) => outcome),
        ["completed"],
      );
    }
  });

  test("with fail, or another exit code than 0, is a failed one; its body is the output", async () => {
    const scope = newScope();
    await ping(`${scope}/fail`, { method: "POST", body: "disk full" });
    await ping(`${scope}/3`, { method: "POST", body: "oh", headers: { "content-type": "application/json" } });
    await ping(`${scope}/0`, { method: "POST", body: "done" });
    assert.deepEqual(
      (await runs(scope)).map(({ outcome, message }) => [outcome, message]),
      [
        ["failed", "disk full"],
        ["failed", "exit code 3\n\noh"],
        ["completed", "done"],
      ],
    );
  });

  test("pairs a start with its end by rid, also where two runs overlap", async () => {
    const scope = newScope();
    const [one, two] = [randomUUID(), randomUUID()];
    await ping(`${scope}/start?rid=${one}`);
    await ping(`${scope}/start?rid=${two}`);
    await ping(`${scope}/1?rid=${two}`);
    await ping(`${scope}?rid=${one}`);
    assert.deepEqual(
      (await runs(scope)).map(({ outcome, run_id }) => [outcome, run_id]),
      [
        ["completed", one],
        ["failed", two],
      ],
    );
  });

  test("with log is an event and ends no run", async () => {
    const scope = newScope();
    await ping(`${scope}/start`);
    assert.equal((await ping(`${scope}/log`, { method: "POST", body: "half way" })).code, 200);
    assert.deepEqual(
      (await runs(scope)).map(({ outcome }) => outcome),
      ["running"],
    );
    const [event] = (await readEvents(api.pool, { scope }, 1)).slice(-1);
    assert.deepEqual([event?.type, event?.message.endsWith("says: half way")], ["ENGINE_BACKUP_LOGGED", true]);
  });

  test("keeps the last 100 kB of its body, also of what is no UTF-8", async () => {
    const scope = newScope();
    const body = Buffer.concat([Buffer.alloc(200_000, "x"), Buffer.from([0xff, 0x00]), Buffer.from("end")]);
    assert.equal((await ping(scope, { method: "POST", body })).code, 200);
    const message = (await runs(scope))[0]?.message ?? "";
    assert.equal(message.length, 100_000);
    assert.ok(message.endsWith("x\u{FFFD}\u{FFFD}end"));
  });

  test("is refused with words: a token that is none or may not report, a scope, rid or signal that is none", async () => {
    assert.deepEqual(await ping("db", {}, "ba_report_nonsense"), { code: 404, text: "not found" });
    assert.equal((await ping("db", {}, api.tokens.read)).code, 404);
    for (const path of ["DB", "db?rid=1", "db/256", "db/nonsense", "db/-1"])
      assert.equal((await ping(path)).code, 400, path);
  });

  test("of a token for several engines names the one", async () => {
    const scope = newScope();
    assert.equal((await ping(scope, {}, api.tokens.report)).code, 400);
    assert.equal((await ping(`${scope}?engine=db7.example.com`, {}, api.tokens.report)).code, 200);
    assert.equal((await runs(scope, "db7.example.com")).length, 1);
    assert.equal((await ping(`${scope}?engine=db7.example.com`)).code, 400, "another engine than the token's");
  });
});

describe("borgmatic's Healthchecks hook, unchanged", { skip: missingTool("borgmatic") }, () => {
  test("reports start and end of a run, and its failure", async () => {
    const directory = await mkdtemp(join(tmpdir(), "borgmatic-"));
    try {
      const [repository, source] = [join(directory, "repository"), join(directory, "source")];
      await mkdir(source);
      await writeFile(join(source, "file"), "precious");
      const configure = (hook: string): Promise<void> =>
        writeFile(
          join(directory, "config.yaml"),
          `location:
    source_directories:
        - ${source}
    repositories:
        - ${repository}
retention:
    keep_daily: 7
hooks:
    before_backup:
        - ${hook}
    healthchecks:
        ping_url: ${address}/ping/${secret}/borgmatic
`,
        );
      const env = { PATH: process.env["PATH"], HOME: directory, LANG: "C.UTF-8", BORG_BASE_DIR: directory };
      const call = promisify(execFile);
      await call("borg", ["init", "-e", "none", repository], { env });
      await configure("echo before");
      const words = ["--config", join(directory, "config.yaml"), "create", "--stats"];
      await call("borgmatic", ["--verbosity", "1", ...words], { env });
      await configure("echo no such disk; exit 7");
      await assert.rejects(call("borgmatic", words, { env }));
      const found = await runs("borgmatic");
      assert.deepEqual(
        found.map(({ outcome }) => outcome),
        ["completed", "failed"],
      );
      assert.match(found[0]?.message ?? "", /Archive name|Creating archive/);
      assert.match(found[1]?.message ?? "", /no such disk|exit status 7/);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
