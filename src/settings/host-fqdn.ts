import { lookup, lookupService } from "node:dns/promises";
import { hostname } from "node:os";

/** How long the name service may take: a host without one must not wait for it at every command. */
const lookupTimeoutMs = 1500;

/**
 * The host's fully qualified name as `hostname -f` tells it: the host's name where it has a dot, else the name that its own
 * address resolves to. Where the name service is silent, slow or knows nothing better, the host's name. Never rejects.
 */
export async function hostFqdn(): Promise<string> {
  const name = hostname();
  if (name.includes(".")) return name;
  const timeout = Promise.withResolvers<string>();
  const timer = setTimeout(() => {
    timeout.resolve(name);
  }, lookupTimeoutMs);
  try {
    return await Promise.race([resolveFqdn(name), timeout.promise]);
  } catch {
    return name;
  } finally {
    clearTimeout(timer);
  }
}

async function resolveFqdn(name: string): Promise<string> {
  const { address } = await lookup(name);
  const { hostname: resolved } = await lookupService(address, 0);
  // "localhost.localdomain" and an address that resolves to itself name no engine.
  const names = resolved.includes(".") && resolved !== address && !resolved.startsWith("localhost");
  return names && resolved.toLowerCase().startsWith(`${name.toLowerCase()}.`) ? resolved : name;
}
