import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export type ReceivedRequest = {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
};

export type Answer = {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

export type HttpReceiver = {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly requests: ReceivedRequest[];
  close(): Promise<void>;
};

/** A real HTTP server on 127.0.0.1 that keeps what it receives and answers as told. */
export async function startReceiver(
  answer: (request: ReceivedRequest) => Answer | Promise<Answer> = () => ({}),
): Promise<HttpReceiver> {
  const requests: ReceivedRequest[] = [];
  const server = createServer((incoming, outgoing) => {
    void (async () => {
      const request = {
        method: incoming.method ?? "",
        path: incoming.url ?? "",
        headers: incoming.headers,
        body: await text(incoming),
      };
      requests.push(request);
      const { status = 200, headers = {}, body = "ok" } = await answer(request);
      outgoing.writeHead(status, headers).end(body);
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
