/** The cookies of one connection on Node, where nobody else keeps them: what sticky load balancers need, no more. */

interface Cookie {
  value: string;
  /** Milliseconds since 1970. */
  expires: number;
}

export class CookieJar {
  private readonly cookies = new Map<string, Cookie>();

  /** Takes the `Set-Cookie` headers of a response. `Max-Age` wins over `Expires`. */
  store(headers: string[] | undefined, now = Date.now()): void {
    for (const header of headers ?? []) {
      const [pair, ...attributes] = header.split(";");
      const name = pair.slice(0, pair.indexOf("=")).trim();
      if (!name || !pair.includes("=")) continue;
      const value = pair.slice(pair.indexOf("=") + 1).trim();
      let expires = Infinity;
      let maxAge: number | undefined;
      for (const attribute of attributes) {
        const [key, ...rest] = attribute.split("=");
        const text = rest.join("=").trim();
        if (/^\s*max-age\s*$/i.test(key)) maxAge = Number(text);
        else if (/^\s*expires\s*$/i.test(key)) expires = Date.parse(text);
      }
      if (maxAge !== undefined && !Number.isNaN(maxAge)) expires = now + maxAge * 1000;
      this.cookies.set(name, { value: value.replace(/^"(.*)"$/, "$1"), expires: Number.isNaN(expires) ? Infinity : expires });
    }
  }

  /** The `cookie` header of the next request, or nothing. */
  header(now = Date.now()): { cookie?: string } {
    for (const [name, { expires }] of this.cookies) if (expires <= now) this.cookies.delete(name);
    if (!this.cookies.size) return {};
    return { cookie: [...this.cookies].map(([name, { value }]) => `${name}=${value}`).join("; ") };
  }
}
