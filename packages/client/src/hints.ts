/** What a failed request most likely means, in words for whoever reads the error. Pure. */

/** The `message` of an answer of Engine.IO is its own explanation; the status of a request that was not answered is 0. */
export function hintOf({ status, responseText }: { status: number; responseText: string }): string | undefined {
  if (!status) return "unreachable, or CORS refused";
  if (/^\d+:\d/.test(responseText)) return "the server speaks Engine.IO 3";
  try {
    return JSON.parse(responseText).message;
  } catch {
    return "not a Socket.IO server";
  }
}
