/** What every parser of Socket.IO 5 has in common: the types of packets, and names that have a meaning of their own. Pure. */
import { tagOf } from "./binary.js";

/** The version of Socket.IO's protocol that is spoken. */
export const protocol = 5;

export const CONNECT = 0;
export const DISCONNECT = 1;
export const EVENT = 2;
export const ACK = 3;
export const CONNECT_ERROR = 4;

export interface Packet {
  /** One of the numbers above. */
  type: number;
  nsp: string;
  data?: any;
  id?: number;
  attachments?: number;
  options?: { compress?: boolean };
}

/** Names that an application may neither emit nor be sent. */
export const RESERVED = ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/** What the data of a packet may be, by type: nothing of a DISCONNECT. */
const TAGS = ["Object", "", "Array", "Array", "Object,String"];

/** Whether the data of a packet is what its type wants; `given`: whether there is any. All but a CONNECT_ERROR may come without. */
export const isPayloadValid = ({ type, data }: Packet, given: boolean): boolean =>
  (!given && type < CONNECT_ERROR) ||
  (TAGS[type].includes(tagOf(data)) && (type != EVENT || (/^[ns][ut]/.test(typeof data[0]) && !RESERVED.includes(data[0]))));
