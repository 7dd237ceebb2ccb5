import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  decryptSecrets,
  encryptSecrets,
  readKey,
  readOrMakeKey,
  withoutSecrets,
} from "../../src/notification/secrets.ts";

describe("secrets", () => {
  test("come back as they were, and only with their key and for their channel", () => {
    const key = randomBytes(32);
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,8}$/), fc.string({ unit: "binary" })), (values) => {
        const secrets = { ...values };
        const sealed = encryptSecrets(key, "ops", secrets);
        assert.deepEqual(decryptSecrets(key, "ops", sealed), secrets);
        assert.throws(() => decryptSecrets(key, "other", sealed), { code: "SECRETS_UNREADABLE" });
        assert.throws(() => decryptSecrets(randomBytes(32), "ops", sealed), {
          code: "SECRETS_UNREADABLE",
          message: /another key/,
        });
      }),
      { numRuns: 50 },
    );
  });

  test("that were changed by one bit are refused", () => {
    const key = randomBytes(32);
    const sealed = encryptSecrets(key, "ops", { password: "hunter2" });
    for (let i = 0; i < sealed.length; i++) {
      const changed = Buffer.from(sealed);
      changed[i]! ^= 1;
      assert.throws(() => decryptSecrets(key, "ops", changed), { code: "SECRETS_UNREADABLE" });
    }
  });

  test("have a key that is made once, in a file for its owner alone", async () => {
    const home = await mkdtemp(join(tmpdir(), "secrets-"));
    try {
      await assert.rejects(readKey(home), { code: "SECRETS_UNREADABLE" });
      const made = await Promise.all([readOrMakeKey(home), readOrMakeKey(home)].map((each) => each.catch(() => null)));
      const file = join(home, "notification.key");
      const kept = Buffer.from((await readFile(file, "utf8")).trim(), "base64");
      assert.ok(made.some((key) => key?.equals(kept)));
      assert.deepEqual(await readOrMakeKey(home), kept);
      assert.equal((await stat(file)).mode & 0o777, 0o600);
    } finally {
      await rm(home, { recursive: true });
    }
  });

  test("are taken out of what others answer, whole or in part", () => {
    const secrets = {
      url: "https://hooks.example.com/services/T000/B000/s3cr3tPart?token=abcdef%2F",
      header: ["Authorization: Bearer topsecret"],
      password: 'pass"word',
    };
    const answer = `no_service at s3cr3tPart; you sent topsecret, {"p":"pass\\"word"} and ${secrets.url}`;
    const cleaned = withoutSecrets(answer, secrets);
    for (const secret of ["s3cr3tPart", "topsecret", 'pass\\"word', "abcdef"])
      assert.ok(!cleaned.includes(secret), secret);
    assert.match(cleaned, /^no_service at \*\*\*; you sent \*\*\*/);
  });
});
