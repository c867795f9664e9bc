package effectrocketmq;

import java.lang.reflect.Field;
import java.util.List;
import org.apache.rocketmq.common.utils.AbstractStartAndShutdown;
import org.apache.rocketmq.common.utils.StartAndShutdown;
import org.apache.rocketmq.proxy.ProxyStartup;
import org.apache.rocketmq.proxy.config.ConfigurationManager;
import org.apache.rocketmq.proxy.remoting.MultiProtocolRemotingServer;
import org.apache.rocketmq.proxy.remoting.RemotingProtocolServer;
import org.apache.rocketmq.remoting.netty.NettyServerConfig;

/**
 * Apache RocketMQ's own proxy, made to drain on SIGTERM: GO_AWAY to new requests on old and new connections for
 * {@code drain.seconds}, then the sockets close. The stock proxy knows no setting for it.
 *
 * <p>System properties: {@code drain.seconds} (0: as the stock proxy, close at once), {@code advertised.port} (the
 * port that routes name, that of a load balancer; otherwise the proxy's own), {@code bind.address} (127.0.0.1).
 * Arguments are those of {@code ProxyStartup}.
 */
public final class DrainingProxyMain {
    public static void main(String[] args) throws Exception {
        // The proxy starts its parts in the order in which they were added, once all of them have been constructed:
        // a part added first sees the remoting server made, but not yet bound.
        AbstractStartAndShutdown parts =
            (AbstractStartAndShutdown) field(ProxyStartup.class, "PROXY_START_AND_SHUTDOWN").get(null);
        parts(parts).add(new StartAndShutdown() {
            @Override
            public void start() throws Exception {
                prepare(parts);
            }

            @Override
            public void shutdown() {
            }
        });
        ProxyStartup.main(args);
    }

    private static void prepare(AbstractStartAndShutdown parts) throws Exception {
        NettyServerConfig config = null;
        for (StartAndShutdown part : parts(parts)) {
            if (part instanceof RemotingProtocolServer) {
                Object server = field(RemotingProtocolServer.class, "defaultRemotingServer").get(part);
                config = (NettyServerConfig) field(MultiProtocolRemotingServer.class, "nettyServerConfig").get(server);
            }
        }
        if (config == null) {
            throw new IllegalStateException("This proxy has no remoting server");
        }
        int drainSeconds = Integer.getInteger("drain.seconds", 0);
        config.setBindAddress(System.getProperty("bind.address", "127.0.0.1"));
        config.setEnableShutdownGracefully(drainSeconds > 0);
        config.setShutdownWaitTimeSeconds(drainSeconds);
        // Routes are built from this setting at each request, while the server has copied its own port already.
        int own = ConfigurationManager.getProxyConfig().getRemotingListenPort();
        ConfigurationManager.getProxyConfig().setRemotingListenPort(Integer.getInteger("advertised.port", own));
    }

    @SuppressWarnings("unchecked")
    private static List<StartAndShutdown> parts(AbstractStartAndShutdown parts) throws Exception {
        return (List<StartAndShutdown>) field(AbstractStartAndShutdown.class, "startAndShutdownList").get(parts);
    }

    private static Field field(Class<?> owner, String name) throws Exception {
        Field field = owner.getDeclaredField(name);
        field.setAccessible(true);
        return field;
    }
}
