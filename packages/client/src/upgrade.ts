/**
 * Looking for a better transport (Engine.IO 4, "Upgrade"): the candidate sends `2probe`; when it is answered `3probe` the old
 * transport is brought to rest, the candidate sends `5`, and what was written meanwhile goes out on it.
 *
 * Promises: a probe that fails changes nothing, not even when it fails while the old transport is being brought to rest.
 */
import { listen } from "./emitter.js";
import type { Engine } from "./engine.js";
import type { Packet } from "./packet.js";
import { later, platform } from "./platform.js";

// Head start of WebTransport, where the server offers it, in milliseconds; the official client's.
const HEAD_START = 200;

export function probe(engine: Engine, name: string, upgrades: string[]): void {
  const transport = engine.$create(name);
  let paused = false;
  let over = false;
  platform.$websocketWorked = false;

  const end = () => {
    over = true;
    transport.off();
    off();
  };

  const fail = (reason: unknown, silent?: boolean) => {
    if (over) return;
    end();
    transport.close();
    if (paused) {
      engine.upgrading = false;
      if (engine.readyState != "closed") engine.transport.resume?.();
      engine.$flush();
    }
    if (!silent) engine.$emit("upgradeError", Object.assign(new Error("probe error: " + reason), { transport: name }));
  };

  const onClose = () => fail("closed");
  // Another candidate was faster.
  const onUpgrading = (to: any) => to != transport && fail("", true);

  transport
    .on("open", () => transport.send([{ type: "ping", data: "probe" }]))
    .on("error", fail)
    .on("close", onClose)
    .once("packet", ({ type, data }: Packet) => {
      if (type != "pong" || data != "probe") return fail(type);
      engine.upgrading = paused = true;
      engine.$emit("upgrading", transport);
      platform.$websocketWorked = name == "websocket";
      if (over) return;
      engine.transport.pause(() => {
        if (over) return;
        end();
        engine.$setTransport(transport);
        transport.send([{ type: "upgrade" }]);
        engine.$emit("upgrade", transport);
        engine.upgrading = false;
        engine.$flush();
      });
    });

  const off = listen(engine, { close: onClose, upgrading: onUpgrading });
  if (upgrades[1] && name == "websocket") {
    later(engine, () => over || transport.open(), HEAD_START);
  } else transport.open();
}
