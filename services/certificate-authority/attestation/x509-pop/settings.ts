import { z } from "zod";

const path = z.string().min(1).max(4096);
const objectIdentifier = z
  .string()
  .max(128)
  .regex(
    /^(?:[01]\.(?:\d|[1-3]\d)|2\.(?:0|[1-9]\d{0,8}))(?:\.(?:0|[1-9]\d{0,8}))+$/,
    "must be a dotted object identifier, e.g. 1.3.6.1.5.5.7.3.2",
  );

/** Machines that hold the key of a certificate which a CA of ours gave them. */
export const x509popShape = {
  attestor: z.literal("x509pop"),
  /**
   * The CAs of these machines: PEM, or a directory of PEM and DER files; read again when they change. Never a CA that also
   * certifies others, such as those the system trusts.
   */
  roots: path,
  /** What the certificates are marked with, so that others of the same CA, say of web servers, are not taken: one or both. */
  purpose: z
    .strictObject({
      /** The certificate has to name it. */
      extendedKeyUsage: objectIdentifier.optional(),
      /** A certificate policy that the certificate and every CA below the root have to assert. */
      policy: objectIdentifier.optional(),
    })
    .refine(
      ({ extendedKeyUsage, policy }) => extendedKeyUsage !== undefined || policy !== undefined,
      "must name extendedKeyUsage, policy or both: any certificate of these CAs would be a machine's",
    ),
  /**
   * CRLs, PEM or DER, of the CA of every certificate on the way to the root; read again when they change. Where one is missing or
   * older than its nextUpdate, nobody attests. Without this setting nothing is looked up.
   */
  revocationLists: z.array(path).min(1).max(100).optional(),
  /** The certificate has to name the address that the caller's connection comes from. */
  requireClientAddress: z.boolean().default(false),
};

const schema = z.strictObject(x509popShape);
export type X509popSettings = z.infer<typeof schema>;

/** @param resolve - makes a path of the configuration file absolute. */
export function resolveX509popPaths<T extends X509popSettings>(settings: T, resolve: (path: string) => string): T {
  const { roots, revocationLists } = settings;
  return {
    ...settings,
    roots: resolve(roots),
    ...(revocationLists && { revocationLists: revocationLists.map(resolve) }),
  };
}
