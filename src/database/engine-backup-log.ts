import type { Pool } from "pg";
import type { Scope } from "../contract/scope.ts";
import { callProcedure } from "./procedure-errors.ts";

/** A row of engine_backup_log: a completed or failed report, as it was given. */
export type EngineBackupLog = {
  readonly scope: Scope;
  readonly doneAt: Date;
  readonly isPassed: boolean;
  readonly outputMessage: string | null;
  readonly fqdn: string;
  readonly logPath: string | null;
};

/** Reads engine_backup_log; there is nothing else to do with it, since the procedure alone writes it. */
export class EngineBackupLogDao {
  readonly #pool: Pool;

  constructor(pool: Pool) {
    this.#pool = pool;
  }

  /**
   * The newest successful backup of a scope, of one engine (empty: the database's own) or, without an FQDN, of any.
   * Newest is by effective time, so that a report dated into the future hides none that follows it.
   */
  async get(scope: Scope, fqdn?: string): Promise<EngineBackupLog | null> {
    return callProcedure("REPORT_INVALID", async () => {
      const { rows } = await this.#pool.query<{
        scope: string;
        done_at: Date;
        is_passed: boolean;
        output_message: string | null;
        fqdn: string;
        log_path: string | null;
      }>(
        fqdn === undefined
          ? { text: "select * from backup_awareness.GetLastSuccessfulEngineBackup($1)", values: [scope] }
          : { text: "select * from backup_awareness.GetLastSuccessfulEngineBackup($1, $2)", values: [scope, fqdn] },
      );
      const row = rows[0];
      if (!row) return null;
      return {
        scope: row.scope,
        doneAt: row.done_at,
        isPassed: row.is_passed,
        outputMessage: row.output_message,
        fqdn: row.fqdn,
        logPath: row.log_path,
      };
    });
  }
}
