import { basename } from "node:path";
import type { Report } from "../contract/report.ts";

/** What a tool's own words at its end say of the backup that it made. */
export type ToolSummary = Pick<Report, "sizeBytes" | "fileCount" | "archive"> & {
  /** It ended well and says nevertheless that a part is damaged or missing: in its words. */
  readonly fault?: string;
};

const readers: Readonly<Record<string, (output: string) => ToolSummary>> = {
  restic: readRestic,
  borg: readBorg,
  borgmatic: readBorg,
  pgbackrest: readPgBackRest,
  barman: readBarman,
};

/** Reads the summary that a tool printed, text or JSON. Sizes that are told in rounded units are as exact as they are told. */
export function readToolSummary(command: string, output: string): ToolSummary {
  return readers[basename(command)]?.(output) ?? {};
}

function readRestic(output: string): ToolSummary {
  const json = output.split("\n").findLast((line) => line.startsWith("{") && line.includes('"message_type":"summary"'));
  if (json !== undefined) {
    const found = parseObject(json);
    return known({
      sizeBytes: wholeNumber(found["total_bytes_processed"]),
      fileCount: wholeNumber(found["total_files_processed"]),
      archive: nonEmpty(found["snapshot_id"]),
    });
  }
  const processed = /^processed (\d+) files?, ([\d.]+ [KMGTPE]?i?B)/m.exec(output);
  // With --skip-if-unchanged no snapshot is made: the parent is what holds the data.
  const snapshot =
    /^snapshot ([0-9a-f]{8,64}) saved/m.exec(output) ?? /^using parent snapshot ([0-9a-f]{8,64})/m.exec(output);
  return known({ sizeBytes: sizeOf(processed?.[2]), fileCount: count(processed?.[1]), archive: snapshot?.[1] });
}

function readBorg(output: string): ToolSummary {
  const begin = output.search(/^\{$/m);
  if (begin >= 0) {
    const archive = asObject(parseObject(output.slice(begin, output.lastIndexOf("}") + 1))["archive"]);
    const stats = asObject(archive["stats"]);
    return known({
      sizeBytes: wholeNumber(stats["original_size"]),
      fileCount: wholeNumber(stats["nfiles"]),
      archive: nonEmpty(archive["name"]),
    });
  }
  return known({
    sizeBytes: sizeOf(/^(?:This archive|Original size): +([\d.]+ [kKMGTPE]?i?B)/m.exec(output)?.[1]),
    fileCount: count(/^Number of files: (\d+)/m.exec(output)?.[1]),
    archive: /^Archive name: (\S.*)$/m.exec(output)?.[1],
  });
}

function readPgBackRest(output: string): ToolSummary {
  const size = /(?:full|diff|incr) backup size = ([\d.]+[KMGTPE]?B), file total = (\d+)/.exec(output);
  // pgBackRest keeps the backup, marks it as faulty in its own list, and ends with 0.
  const fault = /^.*WARN: (invalid page checksums? found .*)$/m.exec(output)?.[1];
  return known({
    sizeBytes: sizeOf(size?.[1], 1024),
    fileCount: count(size?.[2]),
    archive: /new backup label = (\S+)/.exec(output)?.[1],
    fault,
  });
}

function readBarman(output: string): ToolSummary {
  return known({
    sizeBytes: sizeOf(/^Backup size: ([\d.]+ [KMGTPE]?i?B)/m.exec(output)?.[1]),
    archive: /(?:in|for) \S*?(\d{8}T\d{6})\b/.exec(output)?.[1],
  });
}

const powers: Readonly<Record<string, number>> = { "": 0, k: 1, K: 1, M: 2, G: 3, T: 4, P: 5, E: 6 };

/** `1.44 GiB`, `21.9MB`; `base` is what a unit without i stands for. undefined: none. */
function sizeOf(text: string | undefined, base = 1000): number | undefined {
  const [, digits, unit = "", binary] = /^([\d.]+) ?([kKMGTPE]?)(i?)B$/.exec(text ?? "") ?? [];
  if (digits === undefined) return undefined;
  const bytes = Math.round(Number(digits) * (binary === "i" ? 1024 : base) ** (powers[unit] ?? 0));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

function count(digits: string | undefined): number | undefined {
  return digits === undefined ? undefined : wholeNumber(Number(digits));
}

function wholeNumber(value: unknown): number | undefined {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

function nonEmpty(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return {};
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

/** Without what is not known. */
function known(summary: { readonly [Key in keyof ToolSummary]: ToolSummary[Key] | undefined }): ToolSummary {
  return Object.fromEntries(Object.entries(summary).filter(([, value]) => value !== undefined));
}
