import type { Pool } from "pg";
import type { BegunDelivery } from "../database/deliveries.ts";
import { readEngines, readScopes } from "../database/engines.ts";
import { countToldEvents, readToldEvents, type ToldEvent } from "../database/notifications.ts";
import type { SenderSettings } from "./channel-sender.ts";
import { composeMessage, type EngineFacts, type Message, tellsAtLength } from "./message.ts";

/** A list for people is not longer than that, however many there are. */
const longestListForPeople = 1_000;

/** Reads what a try is to tell, at most `longestList` of it one by one, and puts it into words. */
export async function readMessage(
  pool: Pool,
  delivery: BegunDelivery,
  {
    settings,
    now,
    longestList = longestListForPeople,
  }: { readonly settings: SenderSettings; readonly now: Date; readonly longestList: number | undefined },
): Promise<Message> {
  const { notificationIds } = delivery;
  const told = await readToldEvents(pool, notificationIds, longestList);
  return composeMessage({
    kind: delivery.kind,
    told,
    total: notificationIds.length,
    counts: await countToldEvents(pool, notificationIds),
    engines: notificationIds.length > tellsAtLength ? new Map() : await readEngineFacts(pool, told),
    now,
    publicUrl: settings.notification.publicUrl,
    hostFqdn: settings.fqdn,
    id: `delivery-${delivery.id}`,
    incident: delivery.incident === null ? null : `incident-${delivery.incident}`,
  });
}

async function readEngineFacts(pool: Pool, told: readonly ToldEvent[]): Promise<ReadonlyMap<string, EngineFacts>> {
  const fqdns = [...new Set(told.flatMap(({ fqdn }) => (fqdn === null ? [] : [fqdn])))];
  if (fqdns.length === 0) return new Map();
  const engines = await readEngines(pool, fqdns);
  const scopes = await readScopes(pool, fqdns);
  return new Map(
    engines.map((engine) => [
      engine.fqdn,
      {
        fullBackupAt: engine.fullBackupAt,
        requiredScopes: engine.required.map(({ scope }) => scope),
        scopes: scopes.get(engine.fqdn) ?? new Map(),
      },
    ]),
  );
}
