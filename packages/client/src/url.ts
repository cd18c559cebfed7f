/** Addresses and query strings. Written out rather than left to `URL`, which React Native has only in part. */

export interface ParsedUrl {
  /** The address as it was given, made absolute. */
  source: string;
  protocol: string;
  host: string;
  port: string;
  path: string;
  query: string;
}

/** Splits an address; what is missing is "". An IPv6 host keeps its brackets. */
export function parseUrl(source: string): ParsedUrl {
  const [, protocol = "", host = "", port = "", path = "", query = ""] =
    /^(?:(\w+):\/\/)?(?:[^@\/?#]*@)?(\[[^\]]*\]|[^:\/?#]*)(?::(\d*))?([^?#]*)(?:\?([^#]*))?/.exec(source)!;
  return { source, protocol, host, port, path, query };
}

/** Makes an address absolute, relative to the page where there is one, and fills in port and path. */
export function resolveUrl(uri?: string | null): ParsedUrl {
  const page = typeof location == "undefined" ? { protocol: "https:", host: "localhost" } : location;
  uri ??= page.protocol + "//" + page.host;
  if (uri[0] == "/") uri = (uri[1] == "/" ? page.protocol : page.host) + uri;
  if (!/^(https?|wss?):\/\//.test(uri)) uri = page.protocol + "//" + uri;
  const url = parseUrl(uri);
  url.port ||= /[ps]s$/.test(url.protocol) ? "443" : "80";
  url.path ||= "/";
  return url;
}

/** A text that nobody else makes: for parameters that keep answers out of caches, and for keys. */
export const unique = (): string => Date.now().toString(36) + Math.random().toString(36).slice(2);

export function encodeQuery(query: Record<string, any>): string {
  return Object.keys(query)
    .map((key) => encodeURIComponent(key) + "=" + encodeURIComponent(query[key]))
    .join("&");
}

export function decodeQuery(text: string): Record<string, string> {
  const query: Record<string, string> = {};
  for (const pair of text.split("&")) {
    const [key, ...value] = pair.split("=");
    query[decodeURIComponent(key)] = decodeURIComponent(value.join("="));
  }
  return query;
}
