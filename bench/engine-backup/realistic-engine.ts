import { randomFillSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import pg from "pg";

/*
 * An application as one meets them: many short rows, some long documents, some that are no text; moderately compressible. About 1 GB of database and
 * 300 MB in 5,000 files. The same at every run, random bytes excepted.
 */

const words =
  "host cluster volume network storage domain image disk template snapshot migration started completed failed user admin internal policy quota pool virtual machine running stopped paused unknown warning error address gateway bridge bond vlan lun path target initiator session".split(
    " ",
  );
const fileCount = 5_000;
const meanFileBytes = 60_000;

export async function fillDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(tables);
    await client.query("select setseed(0.5)");
    for (const statement of rows) await client.query(statement);
    await client.query("vacuum analyze");
    await client.query("checkpoint");
  } finally {
    await client.end();
  }
}

const wordArray = `array[${words.map((word) => `'${word}'`).join(",")}]`;
const sentence = (count: string, of: string) =>
  `(select string_agg((${wordArray})[1 + (random() * ${words.length - 1})::int], ' ') from generate_series(1, ${count}) where ${of} is not null)`;

const tables = `
  create table audit (id bigint generated always as identity primary key, at timestamptz not null, who uuid not null, severity int not null,
                      message text not null, detail jsonb not null);
  create table document (id int primary key, title text not null, body jsonb not null);
  create table attachment (id int primary key, name text not null, content bytea not null);`;

const rows = [
  `insert into audit (at, who, severity, message, detail)
     select '2024-01-01'::timestamptz + g * interval '7 s', gen_random_uuid(), g % 5, ${sentence("8 + g % 9", "g")},
            jsonb_build_object('job', g / 10, 'correlation', md5(g::text), 'attempt', g % 3, 'duration', random() * 100)
       from generate_series(1, 1500000) g`,
  `insert into document
     select g, ${sentence("5", "g")},
            jsonb_build_object('id', gen_random_uuid(), 'owner', md5((g % 100)::text), 'text', ${sentence("600", "g")},
                               'versions', (select jsonb_agg(jsonb_build_object('hash', md5((g * v)::text), 'size', (random() * 1e6)::int)) from generate_series(1, 20) v))
       from generate_series(1, 60000) g`,
  `insert into attachment
     select g, 'attachment ' || g,
            (select string_agg(case when b % 4 = 0 then repeat('a realistic log line of some length, ', 2)::bytea else sha512((random()::text)::bytea) end, '') from generate_series(1, 250) b where g is not null)
       from generate_series(1, 15000) g`,
  "create index on audit (at)",
  "create index on audit (who)",
  "create index on document (title)",
];

/** Half of them text, half random bytes, of sizes between 1 and twice the mean. */
export async function fillFiles(directory: string): Promise<void> {
  for (let number = 0; number < fileCount; number++) {
    const place = join(directory, `part-${number % 50}`);
    if (number < 50) await mkdir(place, { recursive: true });
    const bytes = 1 + Math.round((2 * meanFileBytes * ((number * 7919) % fileCount)) / fileCount);
    const content = number % 2 === 0 ? randomFillSync(Buffer.alloc(bytes)) : textOf(bytes, number);
    await writeFile(join(place, `file-${number}${number % 2 === 0 ? ".bin" : ".log"}`), content);
  }
}

/** Lines as a log has them. */
function textOf(bytes: number, seed: number): Buffer {
  const next = randomNumbers(seed);
  const lines: string[] = [];
  for (let length = 0; length < bytes;) {
    const chosen = Array.from({ length: 10 }, () => words[Math.floor(next() * words.length)] ?? "");
    const line = `2024-05-06 07:08:09,${Math.floor(next() * 1000)} INFO [${next().toString(36).slice(2, 10)}] ${chosen.join(" ")}\n`;
    lines.push(line);
    length += line.length;
  }
  return Buffer.from(lines.join("").slice(0, bytes));
}

/** xorshift: the same numbers from 0 to 1 for the same seed, and no pattern that a compressor would find. */
function randomNumbers(seed: number): () => number {
  let state = seed * 2_654_435_761 + 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
