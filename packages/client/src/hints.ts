/** What a failed request most likely means, in words for whoever reads the error. Pure. */

/** `response`: what came back, if anything did. The `message` of an answer of Engine.IO is its own explanation. */
export function hintOf(response?: { responseText: string }): string | undefined {
  if (!response) return "unreachable, or CORS refused";
  const { responseText } = response;
  if (/^\d+:\d/.test(responseText)) return "the server speaks Engine.IO 3";
  try {
    return JSON.parse(responseText).message;
  } catch {
    return "not a Socket.IO server";
  }
}
