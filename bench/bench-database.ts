import { randomUUID } from "node:crypto";
import { join } from "node:path";
import pg from "pg";
import { migrate, readSchemaSource } from "../src/database/migrate.ts";

export type BenchDatabase = { readonly url: string; drop(): Promise<void> };

/** A new database with our schema on that server. */
export async function createBenchDatabase(serverUrl: string): Promise<BenchDatabase> {
  const name = `bench_${randomUUID().replaceAll("-", "")}`;
  await onServer(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const pool = new pg.Pool({ connectionString: url.href });
  await migrate({
    pool,
    source: await readSchemaSource(join(import.meta.dirname, "../sql")),
    ownFqdn: "own.example.com",
    programVersion: "0.1.0",
  });
  await pool.end();
  return { url: url.href, drop: () => onServer(serverUrl, `drop database ${name} with (force)`) };
}

async function onServer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}
