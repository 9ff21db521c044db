import { TpmFailure } from "./tpm-failure.ts";

const HEADER_OCTETS = 10;
/** No TPM has larger responses, nor does the kernel. */
const MAXIMUM_OCTETS = 4096;

/** The response that these octets begin with; undefined when more of it has to come. @throws {TpmFailure} */
export function wholeResponse(received: Buffer): Buffer | undefined {
  if (received.length < HEADER_OCTETS) return undefined;
  const size = received.readUInt32BE(2);
  if (size < HEADER_OCTETS || size > MAXIMUM_OCTETS || received.length > size)
    throw new TpmFailure("what answers is no TPM, or answers out of turn");
  return received.length === size ? received : undefined;
}
