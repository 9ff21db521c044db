import { createSocket } from "node:dgram";
import { once } from "node:events";

const [TYPE_A, TYPE_PTR] = [1, 12];
const [HEADER_BYTES, NAME_ERROR] = [12, 3];

/** Answers questions for A and PTR records over UDP (RFC 1035 section 4), and knows no other names. */
export class NameServer {
  readonly #socket = createSocket("udp4");
  /** By type and name, e.g. `PTR 1.0.0.10.in-addr.arpa`. */
  readonly records = new Map<string, string>();
  readonly questions: string[] = [];
  /** Questions that are received get no answer. */
  isSilent = false;

  async listen(): Promise<string> {
    this.#socket.on("message", (message, { port, address }) => {
      const answer = this.#answer(message);
      if (!this.isSilent) this.#socket.send(answer, port, address);
    });
    this.#socket.bind(0, "127.0.0.1");
    await once(this.#socket, "listening");
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  close(): void {
    this.#socket.close();
  }

  #answer(message: Buffer): Buffer {
    const { name, end } = nameAt(message, HEADER_BYTES);
    const type = message.readUInt16BE(end);
    const key = `${type === TYPE_PTR ? "PTR" : type === TYPE_A ? "A" : type} ${name}`;
    this.questions.push(key);
    const record = this.records.get(key);
    const header = Buffer.alloc(HEADER_BYTES);
    message.copy(header, 0, 0, 2);
    header.writeUInt16BE(0x8580 | (record === undefined ? NAME_ERROR : 0), 2);
    header.writeUInt16BE(1, 4);
    header.writeUInt16BE(record === undefined ? 0 : 1, 6);
    const question = message.subarray(HEADER_BYTES, end + 4);
    return Buffer.concat([header, question, ...(record === undefined ? [] : [recordOf(type, record)])]);
  }
}

function nameAt(message: Buffer, start: number): { readonly name: string; readonly end: number } {
  const labels: string[] = [];
  let at = start;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString("latin1", at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join("."), end: at + 1 };
}

/** The name of the record is that of the question, by a pointer. */
function recordOf(type: number, text: string): Buffer {
  const labels = text.split(".").map((label) => Buffer.from([label.length, ...Buffer.from(label)]));
  const data = type === TYPE_A ? Buffer.from(text.split(".").map(Number)) : Buffer.concat([...labels, Buffer.of(0)]);
  const fields = Buffer.from([0xc0, HEADER_BYTES, 0, type, 0, 1, 0, 0, 0, 60, 0, data.length]);
  return Buffer.concat([fields, data]);
}
