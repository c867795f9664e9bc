import { defineConfig } from "vitest/config"

/** The suite against real RocketMQ servers and the official Java client. */
export default defineConfig({
  resolve: { conditions: ["effect-rocketmq:source"] },
  ssr: { resolve: { conditions: ["effect-rocketmq:source"] } },
  test: {
    include: ["test/rocketmq/**/*.test.ts"],
    exclude: ["test/rocketmq/Differential.test.ts"],
    globalSetup: ["test/rocketmq/setup.ts"],
    // One cluster at a time: each is half a gigabyte, and its start takes every core there is.
    fileParallelism: false,
    pool: "forks",
    testTimeout: 240_000,
    hookTimeout: 180_000,
    teardownTimeout: 30_000
  }
})
