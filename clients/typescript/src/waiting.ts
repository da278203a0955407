/** Waiting for a time, or until somebody says so. */

/** Until `ms` are over; `true` where `wake` came first. A wake that nobody waits for is kept for the next wait. */
export class Wake {
  private pending = false;
  private resolve: ((woken: boolean) => void) | null = null;

  wake(): void {
    if (this.resolve) this.resolve(true);
    else this.pending = true;
  }

  wait(ms: number): Promise<boolean> {
    if (this.pending) {
      this.pending = false;
      return Promise.resolve(true);
    }
    return new Promise(resolve => {
      const done = (woken: boolean): void => {
        clearTimeout(timer);
        this.resolve = null;
        resolve(woken);
      };
      const timer = setTimeout(() => done(false), Math.min(ms, 2 ** 31 - 1));
      this.resolve = done;
    });
  }
}

/** Something that happens once, and may be waited for before and after. */
export class Gate {
  private open = false;
  private waiting = new Set<() => void>();

  get isOpen(): boolean {
    return this.open;
  }

  set(): void {
    this.open = true;
    for (const go of this.waiting) go();
    this.waiting.clear();
  }

  clear(): void {
    this.open = false;
  }

  /** Until it is open; `false` where that takes longer than `ms`. */
  wait(ms?: number): Promise<boolean> {
    if (this.open) return Promise.resolve(true);
    return new Promise(resolve => {
      let timer: NodeJS.Timeout | undefined;
      const go = (): void => {
        clearTimeout(timer);
        resolve(true);
      };
      this.waiting.add(go);
      if (ms !== undefined) {
        timer = setTimeout(
          () => {
            this.waiting.delete(go);
            resolve(false);
          },
          Math.min(ms, 2 ** 31 - 1),
        );
      }
    });
  }
}

/** Until `ms` are over. */
export function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

/** A promise's result, or `late` after `ms`; whatever the promise does then is nobody's any more. */
export async function within<Result, Late>(promise: Promise<Result>, ms: number, late: Late): Promise<Result | Late> {
  let timer: NodeJS.Timeout | undefined;
  promise.catch(() => {});
  try {
    return await Promise.race([
      promise,
      new Promise<Late>(resolve => {
        timer = setTimeout(() => resolve(late), ms);
      }),
    ]);
  } finally {
    clearTimeout(timer);
  }
}
