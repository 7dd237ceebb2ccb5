import { statfs } from "node:fs/promises";
import { BackupAwarenessError } from "../../contract/errors.ts";
import type { ClientProgramName } from "../../database/client-programs.ts";
import type { ClientProgram } from "../backup-run.ts";
import type { ManifestScope } from "../manifest.ts";
import type { RunLog } from "../run-log.ts";
import { type Check, refused } from "./check.ts";
import { rolesOf } from "./create-roles.ts";
import { readDumpContents, type DumpContents } from "./dump-contents.ts";
import { inspectTarget } from "./inspect-target.ts";
import { judgeTarget, type TargetWishes } from "./judge-target.ts";
import type { DatabaseRestore } from "./restore-database.ts";
import type { OpenTarget } from "./restore-run.ts";
import type { TargetServer } from "./target-server.ts";

export type DatabasePlanRequest = {
  readonly scope: string;
  readonly server: TargetServer;
  readonly admin: TargetServer;
  readonly role: OpenTarget["role"];
  readonly dump: { readonly path: string; readonly format: "custom" | "plain"; readonly sizeBytes: number };
  readonly archived: ManifestScope["database"] | null;
  readonly globals: string | null;
  readonly wishes: TargetWishes;
  readonly dropsFormer: boolean;
  readonly jobs: number;
  readonly stamp: string;
  /** Whether a session is of a program of ours that stands back by itself. */
  readonly standsBack: (application: string) => boolean;
  readonly finish: DatabaseRestore["finish"];
};

export type PlanMeans = {
  readonly signal: AbortSignal;
  readonly log: RunLog;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly findClientProgram: (name: ClientProgramName, serverMajor: number) => Promise<ClientProgram>;
};

/** `restore` is null where a check is refused. */
export type DatabasePlan = { readonly checks: readonly Check[]; readonly restore: DatabaseRestore | null };

/** Looks at dump and target, and touches neither. Throws where they cannot be looked at: DATABASE_UNREACHABLE, POSTGRES_MISSING, RESTORE_FAILED. */
export async function planDatabase(request: DatabasePlanRequest, means: PlanMeans): Promise<DatabasePlan> {
  const { scope, admin, dump, wishes, role } = request;
  // What belongs to several roles is restored by whoever may act as all of them.
  const server = wishes.permissions ? admin : request.server;
  const target = await inspectTarget(admin);
  const major = Math.floor(target.server.versionNumber / 10_000);
  const { program, contents } =
    dump.format === "custom"
      ? await openCustomDump(dump.path, major, means)
      : { program: await means.findClientProgram("psql", major), contents: null };
  const facts = {
    format: dump.format,
    sizeBytes: dump.sizeBytes,
    serverVersion: contents?.serverVersion ?? request.archived?.serverVersion ?? null,
    roles: contents?.roles ?? null,
    owners: contents?.owners ?? new Set<string>(),
    archivedRoles: rolesOf(request.globals ?? ""),
  };
  const dataDirectoryBytes = await freeBytesAt(target.server.dataDirectory, server);
  const judgement = judgeTarget(scope, server.database, target, facts, wishes, {
    login: role.name,
    dataDirectoryBytes,
    standsBack: request.standsBack,
  });
  const checks = [...judgement.checks];
  if (!wishes.permissions && dump.format === "plain") {
    checks.push(
      refused(
        scope,
        "a plain dump cannot be restored without its owners and rights",
        "leave out --no-restore-permissions, and create the roles that the dump names",
      ),
    );
  }
  if (checks.some(({ outcome }) => outcome === "refused")) return { checks, restore: null };
  const restore: DatabaseRestore = {
    ...request,
    server,
    roleToMake: target.roles.has(role.name) ? null : role,
    owner: role.name,
    target,
    way: judgement.way,
    rolesToCreate: judgement.rolesToCreate,
    dump: { path: dump.path, format: dump.format, contents, program },
    permissions: wishes.permissions,
    mayEnd: (application) => wishes.disconnect || request.standsBack(application),
  };
  return { checks, restore };
}

/** The pg_restore of the server's own major, where that one can read the dump; a newer pg_dump may have written it. */
async function openCustomDump(
  path: string,
  serverMajor: number,
  means: PlanMeans,
): Promise<{ readonly program: ClientProgram; readonly contents: DumpContents }> {
  const pgRestore = await means.findClientProgram("pg_restore", serverMajor);
  try {
    return { program: pgRestore, contents: await readDumpContents({ ...means, pgRestore, dump: path }) };
  } catch (error) {
    if (!(error instanceof BackupAwarenessError) || !error.message.includes("unsupported version")) throw error;
    const newer = await means.findClientProgram("pg_restore", Number.parseInt(pgRestore.version, 10) + 1);
    return { program: newer, contents: await readDumpContents({ ...means, pgRestore: newer, dump: path }) };
  }
}

/** null: the directory is not on this machine, or may not be known. */
async function freeBytesAt(directory: string | null, server: TargetServer): Promise<number | null> {
  if (directory === null || !/^(localhost|127\.|::1|\/)/.test(server.place)) return null;
  try {
    const { bavail, bsize } = await statfs(directory);
    return bavail * bsize;
  } catch {
    return null;
  }
}
