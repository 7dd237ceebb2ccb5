import { join } from "node:path";

/** A way to back an engine up: a command that is run in an empty directory and leaves its result there. */
export type Way = { readonly name: string; readonly command: string; readonly env: Readonly<Record<string, string>> };

export type Engine = {
  /** The application's database. */
  readonly databaseUrl: string;
  readonly files: string;
  /** Our own database, which takes the reports. */
  readonly ownDatabaseUrl: string;
  readonly home: string;
};

const root = join(import.meta.dirname, "../..");

/** What an expert types, on one line. */
const expert = (archive: string) =>
  `pg_dump -Fp "$APPLICATION" | zstd -q -1 -T0 -o ${archive}.sql.zst && tar -C / -c ".$FILES" | zstd -q -1 -T0 -o ${archive}.tar.zst`;

export function waysOf(engine: Engine) {
  const env = { APPLICATION: engine.databaseUrl, FILES: engine.files };
  const ours = {
    ...env,
    BACKUP_AWARENESS_HOME: engine.home,
    BACKUP_AWARENESS_DATABASE_URL: engine.ownDatabaseUrl,
  };
  return {
    ours: {
      name: "engine-backup",
      command: `${root}/bin/engine-backup --mode=backup --file=archive.tar.zst`,
      env: ours,
    },
    floor: {
      name: "reading only: `pg_dump -Fc -Z0 >/dev/null`, `tar \\| cat >/dev/null`",
      command: `pg_dump -Fc -Z0 "$APPLICATION" >/dev/null && tar -C / -c ".$FILES" | cat >/dev/null`,
      env,
    },
    expert: {
      name: "an expert's line: `pg_dump -Fp \\| zstd -1 -T0`, `tar \\| zstd -1 -T0`",
      command: expert("archive"),
      env,
    },
    ovirt: {
      name: "oVirt's way: `pg_dump -Fc`, `tar -J`, all in `tar -z`",
      command: `mkdir tmp tmp/db && pg_dump -Fc "$APPLICATION" > tmp/db/engine_backup.db && tar -C / -cJf tmp/files ".$FILES" &&
                (cd tmp && sha256sum files db/engine_backup.db > sha256sum) && tar -C tmp -czf archive.tar.gz . && rm -r tmp`,
      env,
    },
  } satisfies Record<string, Way>;
}
