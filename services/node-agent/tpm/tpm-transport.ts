/** A way to a TPM. One command at a time. */
export interface TpmTransport {
  /**
   * @param command - whole, with its header.
   * @param signal - after it the transport cannot be used any more: the TPM may still be at work.
   * @returns the whole response.
   * @throws {TpmFailure} when there is none.
   */
  exchange(command: Buffer, signal: AbortSignal): Promise<Buffer>;
  close(): Promise<void>;
}
