import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addressGuard, RefusedAddressError, resolveGuarded } from "../../src/notification/address-guard.ts";
import { httpSender } from "../../src/notification/http-request.ts";
import { startReceiver } from "../support/http-receiver.ts";

const signal = AbortSignal.timeout(20_000);

describe("the guard of addresses", () => {
  test("refuses what is not the public Internet's, in every disguise", () => {
    const guard = addressGuard([]);
    for (const address of [
      "127.0.0.1",
      "127.8.9.10",
      "10.1.2.3",
      "172.16.0.1",
      "172.31.255.255",
      "192.168.0.1",
      "169.254.169.254",
      "100.64.0.1",
      "0.0.0.0",
      "224.0.0.1",
      "255.255.255.255",
      "::",
      "::1",
      "fd00::1",
      "fe80::1%eth0",
      "ff02::1",
      "::ffff:127.0.0.1",
      "::ffff:7f00:1",
      "0:0:0:0:0:ffff:10.0.0.1",
      "64:ff9b::10.0.0.1",
      "2002:7f00:1::",
    ])
      assert.equal(guard(address), false, address);
    for (const address of [
      "1.1.1.1",
      "172.32.0.1",
      "192.169.0.1",
      "2606:4700::1111",
      "::ffff:1.1.1.1",
      "64:ff9b::1.1.1.1",
    ])
      assert.equal(guard(address), true, address);
  });

  test("lets pass what the settings name, and no neighbour of it", () => {
    const guard = addressGuard(["10.1.0.0/16", "127.0.0.1/32", "fd00::/8"]);
    assert.deepEqual(
      ["10.1.2.3", "10.2.0.1", "127.0.0.1", "127.0.0.2", "::ffff:10.1.2.3", "fd12::1", "fc00::1"].map(guard),
      [true, false, true, false, true, true, false],
    );
  });

  test("looks at what a name resolves to", async () => {
    await assert.rejects(resolveGuarded("localhost", addressGuard([]), signal), RefusedAddressError);
    const { address } = await resolveGuarded("localhost", addressGuard(["127.0.0.0/8"]), signal);
    assert.match(address, /^127\./);
  });

  test("keeps requests away, whichever way the address is written", async () => {
    const receiver = await startReceiver();
    const { port } = new URL(receiver.url);
    try {
      const http = httpSender(addressGuard([]), "test", signal);
      for (const host of ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
        await assert.rejects(http({ url: `http://${host}:${port}/` }), RefusedAddressError, host);
      assert.deepEqual(receiver.requests, []);
    } finally {
      await receiver.close();
    }
  });

  test("is asked again on a redirect, and another host is not shown the headers", async () => {
    const target = await startReceiver();
    const { port } = new URL(target.url);
    const redirecting = await startReceiver(({ path }) => ({
      status: 307,
      headers: { location: `http://${path === "/private" ? "127.0.0.2" : "127.0.0.1"}:${port}/` },
    }));
    try {
      const http = httpSender(addressGuard(["127.0.0.1/32"]), "test", signal);
      const headers = { authorization: "Bearer secret", "content-type": "text/plain" };
      await assert.rejects(http({ url: `${redirecting.url}/private`, body: "x" }), RefusedAddressError);
      assert.equal(target.requests.length, 0);
      const response = await http({ url: `${redirecting.url}/public`, body: "x", headers });
      assert.equal(response.status, 200);
      const [received] = target.requests;
      assert.deepEqual([received?.method, received?.body, received?.headers.authorization], ["POST", "x", undefined]);
      assert.equal(received?.headers["content-type"], "text/plain");
    } finally {
      await redirecting.close();
      await target.close();
    }
  });
});
