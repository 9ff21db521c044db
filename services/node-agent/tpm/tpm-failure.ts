/** Why the TPM did not do what it was asked to. The message says what to do about it and holds nothing secret. */
export class TpmFailure extends Error {
  override readonly name = "TpmFailure";
  /** TPM_RC as the TPM gave it; undefined where it did not answer. */
  readonly responseCode: number | undefined;

  constructor(message: string, responseCode?: number, options: ErrorOptions = {}) {
    super(message, options);
    this.responseCode = responseCode;
  }
}

/** Bit that says that the rest is a number of the handle, session or parameter, and an error of format one. */
const FORMAT_ONE = 0x080;
/** Handles, sessions and parameters are numbered in these bits. */
const PLACE_BITS = 0xf40;

/** TPM_RC without what it is about. Source: TPM 2.0 Library specification, part 2, section 6.6. */
const ADVICE = new Map<number, string>([
  [0x0100, "the TPM was not started; the firmware or the emulator has to do so (TPM2_Startup)"],
  [0x0101, "the TPM has failed; it works again after a power cycle, if at all"],
  [0x0120, "the TPM's hierarchy is disabled by the firmware's settings"],
  [0x0085, "the endorsement hierarchy is disabled; enable it in the firmware's settings"],
  [0x008e, "the endorsement hierarchy has a password, which is not supported; clear it with tpm2_changeauth"],
  [0x00a2, "the endorsement hierarchy has a password, which is not supported; clear it with tpm2_changeauth"],
  [0x0902, "the TPM has no room for another key; other software holds it: use the resource manager, /dev/tpmrm0"],
  [0x0903, "the TPM has no room for another session; other software holds it: use the resource manager, /dev/tpmrm0"],
  [0x0921, "the TPM is locked out after wrong passwords; see tpm2_dictionarylockout"],
]);
/** Failure (as libtpms puts it), value, size and integrity: what a wrapped secret gives that this TPM cannot unwrap. */
const NOT_UNWRAPPED: readonly number[] = [0x0101, 0x0084, 0x0095, 0x009f];
const ACTIVATE = "TPM2_ActivateCredential";

/** @param command - as the specification calls it. */
export function failureOf(command: string, responseCode: number): TpmFailure {
  const isFormatOne = (responseCode & FORMAT_ONE) !== 0;
  const error = isFormatOne ? responseCode & ~PLACE_BITS : responseCode;
  const number = `0x${responseCode.toString(16)}`;
  const explanation =
    command === ACTIVATE && NOT_UNWRAPPED.includes(error)
      ? "the challenge was made for another TPM or another key, or was changed on its way"
      : (ADVICE.get(error) ?? `see "tpm2_rc_decode ${number}"`);
  return new TpmFailure(`${command}: the TPM refused with ${number}: ${explanation}`, responseCode);
}
