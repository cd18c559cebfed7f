/** The listeners of every event, in and out: eight methods of one pattern (`onAny`, `prependAnyOutgoing`…). */

type Listener = (...args: any[]) => void;

/** Adds the methods to the prototype of a class whose instances have `_anyListeners` and `_anyOutgoingListeners`. */
export function addCatchAll(proto: any): void {
  for (const name of ["Any", "AnyOutgoing"]) {
    const key = (name == "Any" ? "_any" : "_anyOutgoing") + "Listeners";
    proto["on" + name] = function (listener: Listener) {
      this[key].push(listener);
      return this;
    };
    proto["prepend" + name] = function (listener: Listener) {
      this[key].unshift(listener);
      return this;
    };
    proto["off" + name] = function (listener?: Listener) {
      const i = this[key].indexOf(listener);
      if (!listener) this[key] = [];
      else if (i >= 0) this[key].splice(i, 1);
      return this;
    };
    proto["listeners" + name] = function () {
      return this[key];
    };
  }
}
