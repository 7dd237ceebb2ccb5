import { BackupAwarenessError } from "../contract/errors.ts";

/** A tar archive is a sequence of blocks of this size. */
export const tarBlockBytes = 512;

export type TarMember = {
  /** At most 100 bytes of UTF-8, without NUL. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
};

const field = {
  name: [0, 100],
  mode: [100, 8],
  userId: [108, 8],
  groupId: [116, 8],
  size: [124, 12],
  modifiedAt: [136, 12],
  checksum: [148, 8],
  type: [156, 1],
  magic: [257, 8],
  userName: [265, 32],
  groupName: [297, 32],
  prefix: [345, 155],
} as const satisfies Record<string, readonly [offset: number, bytes: number]>;

const regularFile = "0";
/** GNU's magic and version: only its dialect may hold sizes in base 256. */
const gnuMagic = "ustar  \0";
const ustarMagic = "ustar\0";
const largestOctalSize = 8 ** 11 - 1;

/** The header block of a plain file that root owns and nobody else may read (mode 0600). */
export function encodeTarHeader(member: TarMember): Buffer {
  const block = Buffer.alloc(tarBlockBytes);
  const name = Buffer.from(member.name, "utf8");
  if (name.length === 0 || name.length > field.name[1] || name.includes(0)) {
    throw new RangeError(`"${member.name}" cannot stand in a tar header`);
  }
  if (!Number.isSafeInteger(member.sizeBytes) || member.sizeBytes < 0) {
    throw new RangeError(`${member.sizeBytes} is no size of a tar member`);
  }
  const seconds = Math.floor(member.modifiedAt.getTime() / 1000);
  name.copy(block, field.name[0]);
  writeOctal(block, field.mode, 0o600);
  writeOctal(block, field.userId, 0);
  writeOctal(block, field.groupId, 0);
  if (member.sizeBytes <= largestOctalSize) writeOctal(block, field.size, member.sizeBytes);
  else writeBase256(block, field.size, member.sizeBytes);
  writeOctal(block, field.modifiedAt, Math.min(Math.max(seconds, 0), largestOctalSize));
  block.write(regularFile, field.type[0], "latin1");
  block.write(gnuMagic, field.magic[0], "latin1");
  block.write("root", field.userName[0], "latin1");
  block.write("root", field.groupName[0], "latin1");
  block.write(checksumText(block), field.checksum[0], "latin1");
  return block;
}

/** Any header block of a tar. */
export type TarBlock = TarMember & {
  /** The one letter that says what the member is: `0` a plain file, `5` a directory, `x` a pax header, … */
  readonly type: string;
  /** The block itself, valid as long as what it was decoded from. */
  readonly bytes: Buffer;
};

/** What a header block says; null for the zeros that end an archive. Throws ARCHIVE_DAMAGED. */
export function decodeTarBlock(block: Buffer): TarBlock | null {
  if (block.every((byte) => byte === 0)) return null;
  if (textOf(block, field.checksum) !== checksumText(block).replace(/[\0 ]+$/, "")) {
    throw new BackupAwarenessError("ARCHIVE_DAMAGED", "the archive is damaged: a header's checksum does not fit");
  }
  const name = textOf(block, field.name);
  // GNU's dialect has other things where ustar has the beginning of a long name.
  const prefix = block.toString("latin1", 257, 263) === ustarMagic ? textOf(block, field.prefix) : "";
  return {
    name: prefix === "" ? name : `${prefix}/${name}`,
    type: String.fromCharCode(block[field.type[0]] ?? 0),
    sizeBytes: readTarNumber(block, field.size),
    modifiedAt: new Date(readTarNumber(block, field.modifiedAt) * 1000),
    bytes: block,
  };
}

/** How many zeros follow a member of this size, so that the next header begins at a block. */
export function tarPaddingBytes(sizeBytes: number): number {
  return (tarBlockBytes - (sizeBytes % tarBlockBytes)) % tarBlockBytes;
}

type Field = readonly [offset: number, bytes: number];

function writeOctal(block: Buffer, [offset, bytes]: Field, value: number): void {
  block.write(`${value.toString(8).padStart(bytes - 1, "0")}\0`, offset, "latin1");
}

/** GNU's form for what eleven octal digits cannot hold: the first bit set, then the number, highest byte first. */
function writeBase256(block: Buffer, [offset, bytes]: Field, value: number): void {
  block.writeBigUInt64BE(BigInt(value), offset + bytes - 8);
  block[offset] = 0x80;
}

/** A number in octal digits or in GNU's base 256. Throws ARCHIVE_DAMAGED. */
export function readTarNumber(block: Buffer, at: Field): number {
  const [offset, bytes] = at;
  if (((block[offset] ?? 0) & 0x80) !== 0) return Number(block.readBigUInt64BE(offset + bytes - 8));
  const digits = textOf(block, at).trim();
  if (!/^[0-7]*$/.test(digits))
    throw new BackupAwarenessError("ARCHIVE_DAMAGED", "the archive is damaged: a number in a header is none");
  return digits === "" ? 0 : Number.parseInt(digits, 8);
}

/** Text up to the first NUL, or the whole field. */
function textOf(block: Buffer, [offset, bytes]: Field): string {
  const bytesOfField = block.subarray(offset, offset + bytes);
  const end = bytesOfField.indexOf(0);
  return bytesOfField.toString("utf8", 0, end === -1 ? bytes : end);
}

/** The sum of all bytes, the checksum's own field taken as blanks: six octal digits, NUL, blank. */
function checksumText(block: Buffer): string {
  const [offset, bytes] = field.checksum;
  let sum = 0;
  for (let i = 0; i < tarBlockBytes; i++) sum += i >= offset && i < offset + bytes ? 0x20 : (block[i] ?? 0);
  return `${sum.toString(8).padStart(6, "0")}\0 `;
}
