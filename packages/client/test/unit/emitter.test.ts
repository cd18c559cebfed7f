import assert from "node:assert/strict";
import { test } from "node:test";
import { Emitter, listen } from "../../src/emitter.js";

const make = () => new Emitter<any, any, any>();

test("listeners_run_in_order_with_the_emitter_as_this", () => {
  const emitter = make();
  const calls: any[] = [];
  emitter.on("x", function (this: any, ...args: any[]) {
    calls.push([1, this === emitter, ...args]);
  });
  emitter.on("x", (...args: any[]) => calls.push([2, ...args]));
  assert.equal(emitter.emit("x", "a", "b"), emitter);
  assert.deepEqual(calls, [[1, true, "a", "b"], [2, "a", "b"]]);
});

test("once_is_called_once_and_can_be_removed_by_its_listener", () => {
  const emitter = make();
  let calls = 0;
  const listener = () => calls++;
  emitter.once("x", listener).emit("x").emit("x");
  assert.equal(calls, 1);
  emitter.once("x", listener).off("x", listener).emit("x");
  assert.equal(calls, 1);
  assert.equal(emitter.hasListeners("x"), false);
});

test("a_listener_removed_while_emitting_is_still_called_and_one_added_is_not", () => {
  const emitter = make();
  const calls: string[] = [];
  const second = () => calls.push("second");
  emitter.on("x", () => {
    emitter.off("x", second);
    emitter.on("x", () => calls.push("third"));
  });
  emitter.on("x", second);
  emitter.emit("x");
  assert.deepEqual(calls, ["second"]);
});

test("off_by_number_of_arguments", () => {
  const emitter = make();
  const f = () => {};
  emitter.on("x", f).on("x", f).on("y", f);
  emitter.off("x", undefined);
  assert.equal(emitter.listeners("x").length, 2);
  emitter.off("x", f);
  assert.equal(emitter.listeners("x").length, 1);
  emitter.off("x");
  assert.deepEqual([emitter.listeners("x").length, emitter.listeners("y").length], [0, 1]);
  emitter.off();
  assert.equal(emitter.hasListeners("y"), false);
});

test("off_of_an_unknown_listener_or_event_removes_nothing", () => {
  const emitter = make();
  const f = () => {};
  emitter.off("never").off("never", f);
  emitter.on("x", f).off("x", () => {});
  assert.deepEqual(emitter.listeners("x"), [f]);
});

test("event_names_of_the_object_prototype_are_ordinary", () => {
  const emitter = make();
  let calls = 0;
  for (const name of ["constructor", "__proto__", "toString", "hasOwnProperty"]) {
    assert.equal(emitter.hasListeners(name), false);
    emitter.emit(name);
    emitter.on(name, () => calls++).emit(name);
  }
  assert.equal(calls, 4);
});

test("aliases", () => {
  const emitter = make();
  let calls = 0;
  const f = () => calls++;
  emitter.addEventListener("x", f).emit("x");
  emitter.removeEventListener("x", f);
  emitter.on("x", f).removeListener("x", f);
  emitter.on("x", f).removeAllListeners("x");
  emitter.on("x", f).removeAllListeners();
  emitter.emit("x");
  assert.equal(calls, 1);
});

test("an_exception_reaches_the_emitter", () => {
  const emitter = make();
  emitter.on("x", () => {
    throw new Error("mine");
  });
  assert.throws(() => emitter.emit("x"), /mine/);
});

test("on_returns_the_removal", () => {
  const emitter = make();
  const off = listen(emitter, { x: () => {} });
  assert.equal(emitter.hasListeners("x"), true);
  off();
  assert.equal(emitter.hasListeners("x"), false);
});
