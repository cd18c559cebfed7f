/** As much of `node:test` as the suite in `test/server` uses, for browsers and workers. */
type Fn = (t: { after(fn: Fn): void }) => unknown;

export interface Result {
  name: string;
  error?: string;
  ms: number;
}

const tests: [name: string, fn: Fn][] = [];
const hooks: Record<"before" | "after" | "afterEach", Fn[]> = { before: [], after: [], afterEach: [] };

export const test = (name: string, fn: Fn): void => void tests.push([name, fn]);
export const before = (fn: Fn): void => void hooks.before.push(fn);
export const after = (fn: Fn): void => void hooks.after.push(fn);
export const afterEach = (fn: Fn): void => void hooks.afterEach.push(fn);

const LIMIT = 40_000;

/** Runs everything, one after the other. */
async function run(): Promise<Result[]> {
  const context = { after: () => {} };
  const results: Result[] = [];
  for (const hook of hooks.before) await hook(context);
  for (const [name, fn] of tests) {
    const ends: Fn[] = [];
    const start = performance.now();
    let error: string | undefined;
    try {
      await Promise.race([
        fn({ after: (end) => void ends.push(end) }),
        new Promise((_, reject) => setTimeout(() => reject(new Error("not within " + LIMIT + " ms")), LIMIT)),
      ]);
    } catch (err: any) {
      error = String(err?.stack ?? err);
    }
    for (const end of [...ends, ...hooks.afterEach]) await end(context);
    results.push({ name, error, ms: Math.round(performance.now() - start) });
  }
  for (const hook of hooks.after) await hook(context);
  return results;
}

(globalThis as any).runTests = run;
