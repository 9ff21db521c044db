export type CustodyErrorCode =
  | "InvalidArgument"
  | "EncryptionKeyInvalid"
  | "EncryptionKeyMissing"
  | "EncryptionKeyMismatch"
  | "EncryptionConfigurationInvalid"
  | "KeyServiceUnavailable"
  | "KeyServiceFailed"
  | "RootSecretMissing"
  | "InsecurePermissions"
  | "SealedFileDamaged"
  | "IssuerNotFound"
  | "FileUnreadable"
  | "InvalidCertificate"
  | "InvalidPrivateKey"
  | "EncryptedPrivateKey"
  | "UnsupportedKey"
  | "KeyTooWeak"
  | "KeyMismatch"
  | "NotACertificateAuthority"
  | "InvalidChain"
  | "NoRequest"
  | "PinMissing"
  | "PinRefused"
  | "TokenUnusable"
  | "TokenKeyMissing"
  | "IssuerExpired"
  | "IssuerNotYetValid";

/**
 * A key or certificate that cannot be used. The message is for the administrator: it names the file and the way out,
 * and never holds key material.
 */
export class CustodyError extends Error {
  override readonly name = "CustodyError";
  readonly code: CustodyErrorCode;

  constructor(code: CustodyErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
