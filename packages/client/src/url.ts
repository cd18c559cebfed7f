/** Addresses and query strings. Written out rather than left to `URL`, which React Native has only in part. */

export type ParsedUrl = string[] & { 0: string; 1?: string; 2: string; 3: string; 4: string; 5: string };

/** Splits an address: itself but for the fragment, protocol, host, port, path, query; "" is none. An IPv6 host keeps its brackets. */
export const parseUrl = (source: string): ParsedUrl =>
  /^(?:(\w+):\/\/)?(?:[^@/?#]*@)?(\[.*?]|[^:/?#]*):?(\d*)([^?#]*)\??([^#]*)/.exec(source) as any;

/** Makes an address absolute, relative to the page where there is one, and fills in port and path. */
export function resolveUrl(uri?: string | null): ParsedUrl {
  const page = globalThis.location || { protocol: "https:", host: "localhost" };
  const url = parseUrl(
    (uri || "")
      // A path, a query or nothing is of the page.
      .replace(/^(?!\/\/|[^/?#])/, page.host)
      .replace(/^(?!(http|ws)s?:\/\/)(\/\/)?/, page.protocol + "//"),
  );
  url[3] ||= isSecure(url[1]) ? "443" : "80";
  url[4] ||= "/";
  return url;
}

/** Whether a protocol goes over TLS. */
export const isSecure = (protocol: any): boolean => /[ps]s:?$/.test(protocol);

/** A text that nobody else makes: for parameters that keep answers out of caches, and for keys. */
export const unique = (): string => "" + Date.now() + Math.random();

export function encodeQuery(parameters: Record<string, any>): string {
  return Object.entries(parameters)
    .map((pair) => pair.map(encodeURIComponent).join("="))
    .join("&");
}

export function decodeQuery(text: string): Record<string, string> {
  const query: Record<string, string> = {};
  text.replace(/([^&=]+)=?([^&]*)/g, (_, key, value) => (query[decodeURIComponent(key)] = decodeURIComponent(value)));
  return query;
}
