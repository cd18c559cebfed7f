/** Engines on fake transports, and a record of what they say. */
import { Engine } from "../../src/engine.js";
import { FakeTransport } from "./fake.js";

/** A transport with another name, to go on to. */
export class Better extends FakeTransport {
  override get name(): string {
    return "better";
  }
}

export const make = (opts: any = {}) => new Engine("http://example.com:81/", { path: "/engine.io", transports: [FakeTransport], ...opts } as any);

/** The events of these names, each with its arguments, as they come. */
export function record(engine: Engine, ...events: string[]): any[][] {
  const log: any[][] = [];
  for (const event of events) engine.on(event as any, (...args: any[]) => log.push([event, ...args]));
  return log;
}
