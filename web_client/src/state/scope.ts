// A lifetime as an object: whatever is started in it ends with it, in reverse order.

type Undo = () => void;

type Handler = (event: never) => void;

/** What the tests put in a target's place. */
interface Fake {
  addEventListener(type: string, handler: Handler): void;
  removeEventListener(type: string, handler: Handler): void;
}

/** A DOM event target, or a fake one. */
export type Listenable = Pick<EventTarget, keyof Fake> | Fake;

/** Holds the ends of subscriptions, timers and children. Ending twice is harmless. */
export class Scope {
  readonly #undo: Undo[] = [];
  #ended = false;

  get ended(): boolean {
    return this.#ended;
  }

  /** Runs `undo` when the scope ends; at once when it has ended already. */
  add(undo: Undo): void {
    if (this.#ended) undo();
    else this.#undo.push(undo);
  }

  /** A scope that ends with this one, or earlier. */
  child(): Scope {
    const made = new Scope();
    this.add(() => made.end());
    return made;
  }

  /** Listens to a target until the scope ends; `T` is the event that `type` names. */
  listen<T extends Event>(target: Listenable, type: string, handler: (event: T) => void): void {
    const fake = target as Fake;
    const listener = handler as Handler;
    fake.addEventListener(type, listener);
    this.add(() => fake.removeEventListener(type, listener));
  }

  /** Calls `tick` every `milliseconds` until the scope ends. */
  every(milliseconds: number, tick: () => void): void {
    const timer = setInterval(tick, milliseconds);
    this.add(() => clearInterval(timer));
  }

  /** Calls `then` once after `milliseconds`, unless the scope ends or the returned function is called before. */
  after(milliseconds: number, then: () => void): Undo {
    const timer = setTimeout(then, milliseconds);
    const stop = () => clearTimeout(timer);
    this.add(stop);
    return stop;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    while (this.#undo.length > 0) this.#undo.pop()?.();
  }
}

/** Lets an asynchronous task run on its own; what it throws goes to `failed`, never nowhere. */
export function run(task: Promise<unknown>, failed: (reason: unknown) => void): void {
  task.catch(failed);
}
