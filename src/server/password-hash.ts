import { randomBytes, scrypt, type ScryptOptions, timingSafeEqual } from "node:crypto";

/** OWASP's present recommendation for scrypt: 128 MiB and some tenths of a second for each try. */
const cost = { ln: 17, r: 8, p: 1 } as const;
const hashBytes = 32;
const form = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Passwords are worked on one after the other: each takes 128 MiB, and many at once would take the machine. */
let last: Promise<unknown> = Promise.resolve();
let waiting = 0;
const mostWaiting = 20;

/** Whether so many wait that another one should come later. */
export function isPasswordWorkFull(): boolean {
  return waiting >= mostWaiting;
}

/** The password in PHC form, `$scrypt$ln=17,r=8,p=1$salt$hash`, with a salt of its own. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, cost);
  return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${base64(salt)}$${base64(hash)}`;
}

/** Whether it is that password. With null it takes as long and is not: who tries names learns nothing from the clock. */
export async function isPassword(password: string, phc: string | null): Promise<boolean> {
  const [, ln, r, p, salt = "", hash = ""] = form.exec(phc ?? "") ?? [];
  if (phc === null || ln === undefined) {
    await derive(password, Buffer.alloc(16), cost);
    return false;
  }
  const expected = Buffer.from(hash, "base64");
  const found = await derive(password, Buffer.from(salt, "base64"), { ln: Number(ln), r: Number(r), p: Number(p) });
  return expected.length === found.length && timingSafeEqual(expected, found);
}

type Cost = { readonly ln: number; readonly r: number; readonly p: number };

function derive(password: string, salt: Buffer, { ln, r, p }: Cost): Promise<Buffer> {
  // The same letters may come composed or not, by the keyboard.
  const text = password.normalize("NFKC");
  const options: ScryptOptions = { N: 2 ** ln, r, p, maxmem: 256 * 2 ** ln * r };
  waiting++;
  const work = last.then(
    () =>
      new Promise<Buffer>((resolve, reject) => {
        scrypt(text, salt, hashBytes, options, (error, key) => {
          if (error === null) resolve(key);
          else reject(error);
        });
      }),
  );
  last = work.catch(() => undefined).finally(() => waiting--);
  return work;
}

function base64(bytes: Buffer): string {
  return bytes.toString("base64").replaceAll("=", "");
}
