import { z } from "zod";
import { awsAccount, awsInstancesSchema, awsRegion, resolveInstancesPaths } from "../aws/settings.ts";
import { allowPlainHttp, endpoint, plainHttpProblem } from "../endpoint.ts";

/** Where STS is asked. */
const stsSchema = z
  .strictObject({
    /** E.g. `https://sts.eu-west-1.amazonaws.com`: the only hosts that machines may have signed for. */
    endpoints: z.array(endpoint).min(1).max(100),
    allowPlainHttp,
    timeoutSeconds: z.number().positive().max(30).default(10),
  })
  .superRefine(({ endpoints, allowPlainHttp: isAllowed }, context) => {
    for (const [index, url] of endpoints.entries()) {
      const message = plainHttpProblem(url, isAllowed);
      if (message !== undefined) context.addIssue({ code: "custom", path: ["endpoints", index], message });
    }
  });

/** Machines that let STS say who they are: an EC2 instance in its role. */
export const awsStsShape = {
  attestor: z.literal("aws_sts"),
  accounts: z.array(awsAccount).min(1).max(1000),
  /**
   * Names of roles, without path, that instances have and nobody else may assume: whoever assumes one chooses the name of the
   * session, and so which instance it seems to be. `aws:ec2-instance`, the instance identity role, is EC2's own and nobody's to
   * assume.
   */
  roles: z
    .array(z.string().regex(/^(?:aws:ec2-instance|[\w+=,.@-]{1,64})$/, "must be the name of a role, without its path"))
    .min(1)
    .max(1000),
  sts: stsSchema,
  /** Confirms that the instance runs, and where. */
  instances: awsInstancesSchema.safeExtend({ region: awsRegion }).optional(),
};

const schema = z.strictObject(awsStsShape);
export type AwsStsSettings = z.infer<typeof schema>;

/** @param resolve - makes a path of the configuration file absolute. */
export function resolveAwsStsPaths<T extends AwsStsSettings>(settings: T, resolve: (path: string) => string): T {
  return { ...settings, ...resolveInstancesPaths(settings.instances, resolve) };
}
