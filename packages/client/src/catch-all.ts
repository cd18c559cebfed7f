/** The listeners of every event, in and out: eight methods of one pattern (`onAny`, `prependAnyOutgoing`…). */

import { remove } from "./buffer.js";

type Listener = (...args: any[]) => void;

/** Adds the methods to the prototype of a class whose instances have `_anyListeners` and `_anyOutgoingListeners`. */
export function addCatchAll(proto: any): void {
  for (const name of ["Any", "AnyOutgoing"]) {
    const key = "_a" + name.slice(1) + "Listeners";
    proto["on" + name] = function (listener: Listener) {
      this[key].push(listener);
      return this;
    };
    proto["prepend" + name] = function (listener: Listener) {
      this[key].unshift(listener);
      return this;
    };
    proto["off" + name] = function (listener?: Listener) {
      if (listener) remove(this[key], listener);
      else this[key] = [];
      return this;
    };
    proto["listeners" + name] = function () {
      return this[key];
    };
  }
}
