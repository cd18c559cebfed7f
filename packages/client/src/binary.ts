/**
 * What counts as binary, and base64 for the transports that carry text only (Engine.IO 4: a binary message in a text
 * frame is "b" and base64).
 */

/** The kind of a value, of whatever realm (iframe, jsdom) it is: "Object", "ArrayBuffer"… */
export const tagOf = (value: unknown): string => ({}).toString.call(value).slice(8, -1);

/** Whether binary has to be read before it is bytes. */
export const isBlob = (value: any): value is Blob => value?.size >= 0;

/** Bytes that travel as an attachment: ArrayBuffer, typed arrays, DataView, Buffer, Blob, File. */
export const isBinary = (value: unknown): value is ArrayBuffer | ArrayBufferView | Blob =>
  ArrayBuffer.isView(value) || /^(ArrayBuffer|Blob|File)$/.test(tagOf(value));

/** The bytes of any binary but a Blob, not copied. */
export const bytesOf = (data: any): Uint8Array =>
  new Uint8Array(data.buffer || data, data.byteOffset, data.byteLength);

export const toBase64 = (bytes: ArrayBuffer | ArrayBufferView): string =>
  btoa((bytesOf(bytes) as any).reduce((text: string, byte: number) => text + String.fromCharCode(byte), ""));

/** Throws where the text is not base64. */
export function fromBase64(text: string): ArrayBuffer {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
}
