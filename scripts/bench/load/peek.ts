// Reads only what a load generator needs of an answer, since everything it does takes time from the server beside it.

const MAGIC_BYTES = 4;
const PEM_START = Buffer.from("-----BEGIN CERTIFICATE-----");
const PEM_END = Buffer.from("-----END CERTIFICATE-----");

/** The octets of a length-delimited field of a protobuf message; undefined when it is absent. */
function field(message: Buffer, wanted: number): Buffer | undefined {
  let position = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const octet = message[position++] ?? 0;
      value += (octet & 0x7f) * 2 ** shift;
      if (octet < 0x80) return value;
    }
  };
  while (position < message.length) {
    const key = varint();
    if ((key & 7) === 0) {
      varint();
      continue;
    }
    if ((key & 7) !== 2) return undefined;
    const length = varint();
    if (key >> 3 === wanted) return message.subarray(position, position + length);
    position += length;
  }
  return undefined;
}

/** `metadata.name` of a Kubernetes object in its protobuf envelope; "" when there is none. */
export function nameOfObject(body: Buffer): string {
  const raw = field(body.subarray(MAGIC_BYTES), 2);
  const metadata = raw && field(raw, 1);
  return (metadata && field(metadata, 1)?.toString("latin1")) ?? "";
}

/** The object's body in a watch event's frame (without its length). */
export function bodyOfEvent(frame: Buffer): Buffer | undefined {
  const extension = field(frame, 2);
  return extension && field(extension, 1);
}

/** The first certificate in these octets as PEM; undefined while there is no whole one. */
export function certificateIn(octets: Buffer): string | undefined {
  const start = octets.indexOf(PEM_START);
  if (start < 0) return undefined;
  const end = octets.indexOf(PEM_END, start);
  return end < 0 ? undefined : octets.toString("latin1", start, end + PEM_END.length);
}
