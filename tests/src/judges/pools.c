/*
 * A card in VMDq mode under a DPDK driver: `pools [EAL options] -- POOLS FIRST-VLAN`.
 *
 * Pool p takes MAC address 02:00:00:00:01:p and VLAN FIRST-VLAN + p. Every frame goes back
 * to its sender, and its new source address says where it came in: 02:51, the queue in
 * two bytes, the VLAN tag in two bytes if the card took it out (else zero).
 *
 * Written here because nothing in Debian's packages does this: testpmd knows VMDq only
 * together with DCB or with virtual functions, and DPDK's own example is in no package.
 * What is judged is the driver's work, all of which is in the library: this file only
 * calls rte_ethdev.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

#define PORT 0
#define BURST 32
#define RING 64

static volatile sig_atomic_t over;

static void end(int number)
{
	(void)number;
	over = 1;
}

static void want(int status, const char *what)
{
	if (status < 0)
		rte_exit(EXIT_FAILURE, "pools: %s: %s\n", what, rte_strerror(-status));
}

/* Configures the port and its queues; returns how many there are for receiving. */
static uint16_t configure(unsigned pools, unsigned first_vlan)
{
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_vmdq_rx_conf *vmdq = &conf.rx_adv_conf.vmdq_rx_conf;
	struct rte_mempool *pool;
	int socket = rte_eth_dev_socket_id(PORT);

	want(rte_eth_dev_info_get(PORT, &info), "information");
	printf("pools: %s has %u pools, queues %u to %u\n", info.driver_name,
	       info.max_vmdq_pools, info.vmdq_queue_base,
	       info.vmdq_queue_base + info.vmdq_queue_num - 1);
	conf.rxmode.mq_mode = RTE_ETH_MQ_RX_VMDQ_ONLY;
	vmdq->nb_queue_pools = (enum rte_eth_nb_pools)pools;
	vmdq->nb_pool_maps = pools;
	for (unsigned i = 0; i < pools; i++) {
		vmdq->pool_map[i].vlan_id = first_vlan + i;
		vmdq->pool_map[i].pools = UINT64_C(1) << i;
	}
	/* As the driver of every card wants it for VMDq: all queues there are. */
	want(rte_eth_dev_configure(PORT, info.max_rx_queues, 1, &conf), "configuration");
	pool = rte_pktmbuf_pool_create("frames", info.max_rx_queues * RING + 4 * RING + 255, 64, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE, socket);
	if (pool == NULL)
		rte_exit(EXIT_FAILURE, "pools: no memory for frames\n");
	for (uint16_t q = 0; q < info.max_rx_queues; q++)
		want(rte_eth_rx_queue_setup(PORT, q, RING, socket, NULL, pool), "a receive queue");
	want(rte_eth_tx_queue_setup(PORT, 0, RING, socket, NULL), "the transmit queue");
	return info.max_rx_queues;
}

/* Gives each pool its address. */
static void address(unsigned pools)
{
	for (unsigned i = 0; i < pools; i++) {
		struct rte_ether_addr mac = { { 2, 0, 0, 0, 1, i } };

		want(rte_eth_dev_mac_addr_add(PORT, &mac, i), "an address");
	}
}

/* Sends a frame back with the place where it came in. */
static void answer(struct rte_mbuf *frame, uint16_t queue)
{
	struct rte_ether_hdr *header = rte_pktmbuf_mtod(frame, struct rte_ether_hdr *);
	uint16_t tag = frame->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED ? frame->vlan_tci : 0;
	struct rte_ether_addr place = { { 2, 0x51, queue >> 8, queue, tag >> 8, tag } };

	header->dst_addr = header->src_addr;
	header->src_addr = place;
	frame->ol_flags = 0;
	while (!over && rte_eth_tx_burst(PORT, 0, &frame, 1) == 0)
		;
}

int main(int argc, char **argv)
{
	struct rte_mbuf *frames[BURST];
	struct rte_eth_stats stats;
	unsigned pools, first_vlan;
	uint16_t queues;
	int used = rte_eal_init(argc, argv);

	want(used, "EAL");
	argc -= used;
	argv += used;
	if (argc != 3 || rte_eth_dev_count_avail() != 1)
		rte_exit(EXIT_FAILURE, "pools: one port, and: POOLS FIRST-VLAN\n");
	pools = atoi(argv[1]);
	first_vlan = atoi(argv[2]);
	signal(SIGINT, end);
	signal(SIGTERM, end);
	queues = configure(pools, first_vlan);
	want(rte_eth_dev_start(PORT), "start");
	address(pools);
	printf("pools: ready\n");
	fflush(stdout);
	while (!over) {
		for (uint16_t q = 0; q < queues; q++) {
			uint16_t count = rte_eth_rx_burst(PORT, q, frames, BURST);

			for (uint16_t i = 0; i < count; i++)
				answer(frames[i], q);
		}
	}
	want(rte_eth_stats_get(PORT, &stats), "statistics");
	printf("pools: %lu received, %lu missed, %lu errors, %lu sent\n", stats.ipackets,
	       stats.imissed, stats.ierrors, stats.opackets);
	rte_eth_dev_stop(PORT);
	rte_eal_cleanup();
	return 0;
}
