import { once } from "node:events";
import { createServer, connect, type AddressInfo, type Server, type Socket } from "node:net";

/** A way to a database that can be cut and restored, so that a test takes a database away without stopping a server. */
export type CuttableProxy = {
  /** The same database by way of the proxy. */
  readonly url: string;
  /** Refuses connections and cuts those that are open. */
  cut(): Promise<void>;
  restore(): Promise<void>;
  /** Takes connections and passes nothing on any more, until it is cut. */
  hang(): void;
  close(): Promise<void>;
};

/** Begins cut or open. */
export async function startProxy(targetUrl: string, options: { readonly cut?: true } = {}): Promise<CuttableProxy> {
  const target = new URL(targetUrl);
  const sockets = new Set<Socket>();
  let server: Server | null = null;
  let port = 0;
  let hangs = false;
  const open = async (): Promise<void> => {
    hangs = false;
    server = createServer((client) => {
      if (hangs) {
        sockets.add(client);
        client.on("error", () => undefined);
        return;
      }
      const upstream = connect(Number(target.port), target.hostname);
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        sockets.add(one);
        one.pipe(other);
        one.on("error", () => undefined);
        one.once("close", () => {
          sockets.delete(one);
          other.destroy();
        });
      }
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    ({ port } = server.address() as AddressInfo);
  };
  const cut = async (): Promise<void> => {
    const closing = server;
    server = null;
    if (closing === null) return;
    const closed = once(closing, "close");
    closing.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  };
  await open();
  if (options.cut) await cut();
  const url = new URL(targetUrl);
  url.host = `127.0.0.1:${port}`;
  const hang = (): void => {
    hangs = true;
    for (const socket of sockets) socket.unpipe().pause();
  };
  return { url: url.href, cut, restore: open, hang, close: cut };
}
