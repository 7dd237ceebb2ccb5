import { lookup } from "node:dns/promises";
import { BlockList, isIP, isIPv6 } from "node:net";

/** Where a channel may connect to. */
export type AddressGuard = (address: string) => boolean;

/** An address that a name has, and that the guard let pass: what is connected to, whatever the name says afterwards. */
export type PinnedAddress = { readonly address: string; readonly family: 4 | 6 };

/** The addresses of a host are not to be connected to. */
export class RefusedAddressError extends Error {}

/** Networks that are not the public Internet's: loopback, private, link-local (a cloud's metadata), carrier's, multicast, reserved. */
const privateNetworks = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 3],
  ["::", 127],
  ["64:ff9b:1::", 48],
  ["2001::", 32],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["fec0::", 10],
  ["ff00::", 8],
] as const;

/** A guard that refuses private addresses, but for those in `allowed`: networks such as 10.0.0.0/8, already checked. */
export function addressGuard(allowed: readonly string[]): AddressGuard {
  const refusedList = blockList(privateNetworks);
  const allowedList = blockList(
    allowed.map((network) => {
      const [address = "", bits] = network.split("/");
      return [address, bits === undefined ? (isIPv6(address) ? 128 : 32) : Number(bits)] as const;
    }),
  );
  return (address) => {
    const plain = withoutDisguise(address);
    const family = isIPv6(plain) ? "ipv6" : "ipv4";
    return allowedList.check(plain, family) || !refusedList.check(plain, family);
  };
}

/**
 * The address to connect to: of all that the name has, the first that the guard lets pass. An address is its own name.
 * @throws RefusedAddressError where there is none such, and what the name service throws
 */
export async function resolveGuarded(host: string, guard: AddressGuard, signal: AbortSignal): Promise<PinnedAddress> {
  const bare = host.replace(/^\[(.*)\]$/, "$1");
  const found = isIP(bare) === 0 ? await unlessAborted(lookup(bare, { all: true }), signal) : [{ address: bare }];
  for (const { address } of found) {
    if (guard(address)) return { address, family: isIPv6(address) ? 6 : 4 };
  }
  const [first] = found;
  throw new RefusedAddressError(
    `${host} is at ${first?.address ?? "no address"}, a private address; allow it by notification.allow_private_addresses in config.toml`,
  );
}

/** An IPv4 address that is written as an IPv6 one is that IPv4 address: ::ffff:10.0.0.1, and 64:ff9b::10.0.0.1 behind NAT64. */
function withoutDisguise(address: string): string {
  const scopeless = address.replace(/%.*$/, "");
  if (!isIPv6(scopeless)) return scopeless;
  // A URL writes every IPv6 address in one way, its last groups in hexadecimal.
  const groups = new URL(`http://[${scopeless}]`).hostname.slice(1, -1);
  const [, high, low] = /^(?:::ffff|64:ff9b:):([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(groups) ?? [];
  if (high === undefined || low === undefined) return scopeless;
  const bytes = [high, low].flatMap((group) => [parseInt(group, 16) >> 8, parseInt(group, 16) & 255]);
  return bytes.join(".");
}

function blockList(networks: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList();
  for (const [address, bits] of networks) list.addSubnet(address, bits, isIPv6(address) ? "ipv6" : "ipv4");
  return list;
}

/** A name service may take longer than anybody waits. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => {
    aborted.reject(signal.reason as Error);
  };
  signal.addEventListener("abort", onAbort);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
