/** One of the things that are looked at before anything is touched. */
export type Check = {
  /** What it is about: a scope, or the archive. */
  readonly about: string;
  /** `refused`: nothing will be done. `noted`: it goes on, and somebody should know. */
  readonly outcome: "passed" | "noted" | "refused";
  readonly finding: string;
  /** What to do about it. */
  readonly hint?: string;
};

export function passed(about: string, finding: string): Check {
  return { about, outcome: "passed", finding };
}

export function noted(about: string, finding: string, hint?: string): Check {
  return { about, outcome: "noted", finding, ...(hint === undefined ? {} : { hint }) };
}

export function refused(about: string, finding: string, hint: string): Check {
  return { about, outcome: "refused", finding, hint };
}
