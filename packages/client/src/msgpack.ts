/** `@enchufe/client/msgpack`: the parser for the option `parser`. */
import { Decoder, Encoder } from "./msgpack/parser.js";

export { Decoder, Encoder };
export { protocol } from "./protocol.js";
export default { Encoder, Decoder };
