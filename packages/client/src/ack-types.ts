/** What the compiler knows of acknowledgements. Types only. */

/** A callback that takes an error first. */
type ErrorFirst<T> = T extends (...args: infer Args) => infer Result ? (err: Error, ...args: Args) => Result : T;
type ErrorsFirst<T extends any[]> = { [I in keyof T]: ErrorFirst<T[I]> };

/** The same events, whose acknowledgements take an error first: what `timeout()` makes of them. */
export type DecorateAcknowledgements<Events> = {
  [Ev in keyof Events]: Events[Ev] extends (...args: infer Args) => infer Result
    ? (...args: ErrorsFirst<Args>) => Result
    : Events[Ev];
};

export type Last<T extends any[]> = T extends [...any[], infer Item] ? Item : any;
export type AllButLast<T extends any[]> = T extends [...infer Items, any] ? Items : any[];
/** What an acknowledgement answers; where it takes an error first, what comes after the error. */
export type FirstArg<T> = T extends (arg: infer Param) => any
  ? Param
  : T extends (err: Error, arg: infer Param) => any
    ? Param
    : any;
