import { z } from "zod";
import { allowPlainHttp, endpoint, plainHttpProblem } from "../endpoint.ts";

const MAXIMUM_VPCS = 1000;

const path = z.string().min(1).max(4096);

export const awsAccount = z.string().regex(/^\d{12}$/, "must be the 12 digits of an account");
/** Also part of a file's name and of a host's. */
export const awsRegion = z
  .string()
  .regex(/^[a-z]{2,8}(?:-[a-z]{1,16}){1,3}-\d{1,2}$/, "must be a region, e.g. eu-west-1");

/** Whether the instance runs where we expect it, as EC2 says when it is asked (DescribeInstances). */
export const awsInstancesSchema = z
  .strictObject({
    /** Whose instances our credentials can see: those of other accounts cannot be confirmed, and are refused. */
    account: awsAccount,
    /** The instance has to be in one of them; in any when absent. */
    vpcs: z
      .array(z.string().regex(/^vpc-[0-9a-f]{8,17}$/, "must be the id of a VPC"))
      .min(1)
      .max(MAXIMUM_VPCS)
      .optional(),
    /** In the format of `~/.aws/credentials`; read again when it changes. Our environment (`AWS_ACCESS_KEY_ID`, …) when absent. */
    credentialsFile: path.optional(),
    credentialsProfile: z.string().min(1).max(128).default("default"),
    /** In place of EC2's own of each region, e.g. that of a VPC. */
    endpoint: endpoint.optional(),
    allowPlainHttp,
    timeoutSeconds: z.number().positive().max(30).default(10),
  })
  .superRefine((settings, context) => {
    const message = plainHttpProblem(settings.endpoint, settings.allowPlainHttp);
    if (message !== undefined) context.addIssue({ code: "custom", path: ["endpoint"], message });
  });

export type AwsInstancesSettings = z.infer<typeof awsInstancesSchema>;

/** @param resolve - makes a path of the configuration file absolute. */
export function resolveInstancesPaths(
  settings: AwsInstancesSettings | undefined,
  resolve: (path: string) => string,
): { instances?: AwsInstancesSettings } {
  if (settings === undefined) return {};
  const { credentialsFile } = settings;
  return {
    instances: { ...settings, ...(credentialsFile !== undefined && { credentialsFile: resolve(credentialsFile) }) },
  };
}
