/** The listeners of every event, in and out: eight methods of one pattern (`onAny`, `prependAnyOutgoing`…). */

import { remove } from "./lists.js";

type Listener = (...args: any[]) => void;

/** Adds the methods to the prototype of a class whose instances have `_anyListeners` and `_anyOutgoingListeners`. */
export function addCatchAll(proto: any): void {
  for (const name of ["Any", "AnyOutgoing"]) {
    const key = "_a" + name.slice(1) + "Listeners";
    const methods: Record<string, (this: any, listener: Listener) => any> = {
      on(listener) {
        this[key].push(listener);
        return this;
      },
      prepend(listener) {
        this[key].unshift(listener);
        return this;
      },
      off(listener) {
        if (listener) remove(this[key], listener);
        else this[key] = [];
        return this;
      },
      listeners() {
        return this[key];
      },
    };
    for (const method in methods) proto[method + name] = methods[method];
  }
}
