/**
 * The event emitter that everything here stands on, and the types that make it strict.
 *
 * Promises: listeners run in the order they were added; those that are added or removed while an event is being emitted do
 * not change that emission; an exception of a listener reaches whoever emitted.
 */

/** Event names and the signatures of their listeners. */
export interface EventsMap {
  [event: string]: any;
}

/** The map that is used where none is given: any event, any arguments. */
export interface DefaultEventsMap {
  [event: string]: (...args: any[]) => void;
}

/** The names of the events of a map. */
export type EventNames<Map extends EventsMap> = keyof Map & (string | symbol);

/** The arguments of one event of a map. */
export type EventParams<Map extends EventsMap, Ev extends EventNames<Map>> = Parameters<Map[Ev]>;

/** Names that can be listened to: the library's own and the application's. */
export type ReservedOrUserEventNames<Reserved extends EventsMap, User extends EventsMap> =
  | EventNames<Reserved>
  | EventNames<User>;

/** A listener of such a name; the library's own events win over the application's. */
export type ReservedOrUserListener<
  Reserved extends EventsMap,
  User extends EventsMap,
  Ev extends ReservedOrUserEventNames<Reserved, User>,
> = OrUntyped<Ev extends EventNames<Reserved> ? Reserved[Ev] : Ev extends EventNames<User> ? User[Ev] : never>;

// A name that the compiler could not resolve (inside generic code) takes any listener rather than none.
type OrUntyped<T> = [T] extends [never] ? (...args: any[]) => void | Promise<void> : T;

type Listener = ((...args: any[]) => any) & { fn?: unknown };

export interface Emitter<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ReservedEvents extends EventsMap = {},
> {
  /** Same as `on`. */
  addEventListener: this["on"];
  /** Same as `off`. */
  removeEventListener: this["off"];
  /** Same as `off`. */
  removeListener: this["off"];
  /** Same as `off`, of one event or of all. */
  removeAllListeners<Ev extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(ev?: Ev): this;
  /** Emits one of the library's own events, also where `emit` is another. @internal */
  $emit<Ev extends EventNames<ReservedEvents>>(ev: Ev, ...args: EventParams<ReservedEvents, Ev>): this;
}

export class Emitter<
  ListenEvents extends EventsMap,
  EmitEvents extends EventsMap,
  ReservedEvents extends EventsMap = {},
> {
  /** Listeners by "$" + event name. @internal */
  _callbacks: Record<string, Listener[]> = {};

  /** Adds a listener. */
  on<Ev extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(
    ev: Ev,
    listener: ReservedOrUserListener<ReservedEvents, ListenEvents, Ev>,
  ): this {
    // A list is never changed but replaced: who goes through the old one is not disturbed, and it takes no more than it holds.
    this._callbacks["$" + (ev as string)] = [...(this.listeners(ev) as Listener[]), listener];
    return this;
  }

  /** Adds a listener that is removed before its first call. */
  once<Ev extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(
    ev: Ev,
    listener: ReservedOrUserListener<ReservedEvents, ListenEvents, Ev>,
  ): this {
    const once: Listener = (...args) => {
      this.off(ev, once as any);
      listener.apply(this, args);
    };
    once.fn = listener;
    return this.on(ev, once as any);
  }

  /** Removes one listener of an event, all listeners of an event, or every listener there is. */
  off<Ev extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(
    ev?: Ev,
    listener?: ReservedOrUserListener<ReservedEvents, ListenEvents, Ev>,
  ): this;
  off(...args: any[]): this {
    const [ev, listener] = args;
    let removed = 0;
    const left = (this.listeners(ev) as Listener[]).filter(
      (item) => !listener || (item != listener && item.fn != listener) || removed++,
    );
    // The number of arguments counts: `off("x", undefined)` removes nothing.
    if (!args.length) this._callbacks = {};
    else if (args.length < 2 || !left[0]) delete this._callbacks["$" + (ev as string)];
    else this._callbacks["$" + (ev as string)] = left;
    return this;
  }

  /** Calls the listeners of an event. */
  emit<Ev extends EventNames<EmitEvents>>(ev: Ev, ...args: EventParams<EmitEvents, Ev>): this {
    ((this as any).opts || (this as any)._opts)?.logger?.(ev, args, this);
    callAll(this, this.listeners(ev as any), args);
    return this;
  }

  /** The listeners of an event, in order. */
  listeners<Ev extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(
    ev: Ev,
  ): ReservedOrUserListener<ReservedEvents, ListenEvents, Ev>[] {
    return (this._callbacks["$" + (ev as string)] || []) as any;
  }

  /** Whether an event has listeners. */
  hasListeners<Ev extends ReservedOrUserEventNames<ReservedEvents, ListenEvents>>(ev: Ev): boolean {
    return !!this.listeners(ev)[0];
  }
}

const proto: any = Emitter.prototype;
proto.addEventListener = proto.on;
proto.removeEventListener = proto.removeListener = proto.removeAllListeners = proto.off;
proto.$emit = proto.emitReserved = proto.emit;

/** Calls those that are in the list now. */
export function callAll(target: any, listeners: readonly Listener[], args: any[]): void {
  for (const listener of listeners.slice()) listener.apply(target, args);
}

/**
 * Adds listeners, by event, and returns the function that removes them. The target is one of ours or one of the platform's; where
 * there is none, or the platform has no events, nothing happens.
 */
export function listen(target: any, listeners: Record<string, (...args: any[]) => void>): () => void {
  for (const ev in listeners) target?.addEventListener?.(ev, listeners[ev]);
  return () => {
    for (const ev in listeners) target?.removeEventListener?.(ev, listeners[ev]);
  };
}
