package datetime

import (
	"strings"
	"time"
	_ "time/tzdata" // zones must not depend on the machine
)

// windowsZones are SQL Server's names of zones and the places that Unicode's windowsZones.xml gives for them.
var windowsZones = map[string]string{
	"dateline standard time": "Etc/GMT+12", "utc-11": "Etc/GMT+11", "aleutian standard time": "America/Adak", "hawaiian standard time": "Pacific/Honolulu",
	"marquesas standard time": "Pacific/Marquesas", "alaskan standard time": "America/Anchorage", "utc-09": "Etc/GMT+9",
	"pacific standard time": "America/Los_Angeles", "utc-08": "Etc/GMT+8", "us mountain standard time": "America/Phoenix",
	"mountain standard time": "America/Denver", "mountain standard time (mexico)": "America/Mazatlan", "central standard time": "America/Chicago",
	"central america standard time": "America/Guatemala", "central standard time (mexico)": "America/Mexico_City",
	"canada central standard time": "America/Regina", "eastern standard time": "America/New_York", "us eastern standard time": "America/Indianapolis",
	"sa pacific standard time": "America/Bogota", "cuba standard time": "America/Havana", "atlantic standard time": "America/Halifax",
	"venezuela standard time": "America/Caracas", "central brazilian standard time": "America/Cuiaba", "sa western standard time": "America/La_Paz",
	"pacific sa standard time": "America/Santiago", "newfoundland standard time": "America/St_Johns", "paraguay standard time": "America/Asuncion",
	"e. south america standard time": "America/Sao_Paulo", "sa eastern standard time": "America/Cayenne", "argentina standard time": "America/Buenos_Aires",
	"greenland standard time": "America/Godthab", "montevideo standard time": "America/Montevideo", "bahia standard time": "America/Bahia",
	"utc-02": "Etc/GMT+2", "azores standard time": "Atlantic/Azores", "cape verde standard time": "Atlantic/Cape_Verde", "utc": "UTC",
	"gmt standard time": "Europe/London", "greenwich standard time": "Atlantic/Reykjavik", "morocco standard time": "Africa/Casablanca",
	"w. europe standard time": "Europe/Berlin", "central europe standard time": "Europe/Budapest", "romance standard time": "Europe/Paris",
	"central european standard time": "Europe/Warsaw", "w. central africa standard time": "Africa/Lagos", "jordan standard time": "Asia/Amman",
	"gtb standard time": "Europe/Bucharest", "middle east standard time": "Asia/Beirut", "egypt standard time": "Africa/Cairo",
	"e. europe standard time": "Europe/Chisinau", "syria standard time": "Asia/Damascus", "fle standard time": "Europe/Kiev",
	"israel standard time": "Asia/Jerusalem", "south africa standard time": "Africa/Johannesburg", "kaliningrad standard time": "Europe/Kaliningrad",
	"libya standard time": "Africa/Tripoli", "namibia standard time": "Africa/Windhoek", "arabic standard time": "Asia/Baghdad",
	"turkey standard time": "Europe/Istanbul", "arab standard time": "Asia/Riyadh", "belarus standard time": "Europe/Minsk",
	"russian standard time": "Europe/Moscow", "e. africa standard time": "Africa/Nairobi", "iran standard time": "Asia/Tehran",
	"arabian standard time": "Asia/Dubai", "azerbaijan standard time": "Asia/Baku", "russia time zone 3": "Europe/Samara",
	"mauritius standard time": "Indian/Mauritius", "georgian standard time": "Asia/Tbilisi", "caucasus standard time": "Asia/Yerevan",
	"afghanistan standard time": "Asia/Kabul", "west asia standard time": "Asia/Tashkent", "ekaterinburg standard time": "Asia/Yekaterinburg",
	"pakistan standard time": "Asia/Karachi", "india standard time": "Asia/Calcutta", "sri lanka standard time": "Asia/Colombo",
	"nepal standard time": "Asia/Katmandu", "central asia standard time": "Asia/Bishkek", "bangladesh standard time": "Asia/Dhaka",
	"n. central asia standard time": "Asia/Novosibirsk", "myanmar standard time": "Asia/Rangoon", "se asia standard time": "Asia/Bangkok",
	"north asia standard time": "Asia/Krasnoyarsk", "china standard time": "Asia/Shanghai", "north asia east standard time": "Asia/Irkutsk",
	"singapore standard time": "Asia/Singapore", "w. australia standard time": "Australia/Perth", "taipei standard time": "Asia/Taipei",
	"ulaanbaatar standard time": "Asia/Ulaanbaatar", "tokyo standard time": "Asia/Tokyo", "korea standard time": "Asia/Seoul",
	"yakutsk standard time": "Asia/Yakutsk", "cen. australia standard time": "Australia/Adelaide", "aus central standard time": "Australia/Darwin",
	"e. australia standard time": "Australia/Brisbane", "aus eastern standard time": "Australia/Sydney", "west pacific standard time": "Pacific/Port_Moresby",
	"tasmania standard time": "Australia/Hobart", "vladivostok standard time": "Asia/Vladivostok", "lord howe standard time": "Australia/Lord_Howe",
	"central pacific standard time": "Pacific/Guadalcanal", "magadan standard time": "Asia/Magadan", "new zealand standard time": "Pacific/Auckland",
	"utc+12": "Etc/GMT-12", "fiji standard time": "Pacific/Fiji", "chatham islands standard time": "Pacific/Chatham", "utc+13": "Etc/GMT-13",
	"tonga standard time": "Pacific/Tongatapu", "samoa standard time": "Pacific/Apia", "line islands standard time": "Pacific/Kiritimati",
}

// zoneOf finds a zone by its Windows name.
func zoneOf(name string) (*time.Location, bool) {
	place, ok := windowsZones[strings.ToLower(strings.TrimSpace(name))]
	if !ok {
		return nil, false
	}
	loc, err := time.LoadLocation(place)
	return loc, err == nil
}
