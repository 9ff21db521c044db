import { z } from "zod";
import { awsAccount, awsInstancesSchema, awsRegion, resolveInstancesPaths } from "../aws/settings.ts";

const DAY_SECONDS = 86_400;

/** Machines that show the identity document of their EC2 instance. */
export const awsIidShape = {
  attestor: z.literal("aws_iid"),
  accounts: z.array(awsAccount).min(1).max(1000),
  regions: z.array(awsRegion).min(1).max(100),
  /**
   * A directory with `<region>.pem` for each of `regions`: AWS's public certificate for RSA-2048 signatures of that region,
   * and while AWS changes it both. Exactly these are trusted, nothing they may have signed. Read again when they change.
   */
  certificates: z.string().min(1).max(4096),
  /** How long after its launch an instance may attest. */
  maximumAgeSeconds: z
    .int()
    .min(1)
    .max(7 * DAY_SECONDS)
    .default(900),
  instances: awsInstancesSchema.optional(),
};

const schema = z.strictObject(awsIidShape);
export type AwsIidSettings = z.infer<typeof schema>;

/** @param resolve - makes a path of the configuration file absolute. */
export function resolveAwsIidPaths<T extends AwsIidSettings>(settings: T, resolve: (path: string) => string): T {
  const { certificates, instances } = settings;
  return { ...settings, certificates: resolve(certificates), ...resolveInstancesPaths(instances, resolve) };
}
